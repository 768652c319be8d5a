//! Extended attributes: a file has few of them, and most have none.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Extended attributes by name, such as `security.capability`; one word when there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Xattrs(Option<Arc<BTreeMap<Vec<u8>, Vec<u8>>>>);

impl Xattrs {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of one attribute.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.0.as_ref()?.get(name).map(Vec::as_slice)
    }

    /// Name and value of each, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().flat_map(|map| map.iter()).map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// Sets one attribute.
    pub fn insert(&mut self, name: Vec<u8>, value: Vec<u8>) {
        Arc::make_mut(self.0.get_or_insert_default()).insert(name, value);
    }
}

impl FromIterator<(Vec<u8>, Vec<u8>)> for Xattrs {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(pairs: I) -> Xattrs {
        let map: BTreeMap<_, _> = pairs.into_iter().collect();
        Xattrs((!map.is_empty()).then(|| Arc::new(map)))
    }
}
