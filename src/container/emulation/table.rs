//! Who the processes of a container believe to be: the credentials that were ever taken on, by number, and what is remembered of programs.
//!
//! A hostile container would like to have our memory: so each list of groups is kept once, and there is an end to both.

use std::sync::Arc;

use nix::errno::Errno;

use super::ids::Credentials;
use super::keeping::Keeping;

/// As many different credentials are kept; a program has a few.
const MOST_CREDENTIALS: usize = 4096;

/// As many numbers in all lists of groups.
const MOST_NUMBERS: usize = 256 << 10;

/// All of it.
#[derive(Default)]
pub(super) struct Table {
    known: Vec<Credentials>,
    lists: Vec<Arc<[u32]>>,
    numbers: usize,
    pub(crate) keeping: Keeping,
}

impl Table {
    /// The credentials of a number, if it is one.
    pub(crate) fn get(&self, number: usize) -> Option<&Credentials> {
        self.known.get(number)
    }

    /// The number of credentials.
    ///
    /// # Errors
    /// EAGAIN, where there are too many.
    pub(crate) fn number_of(&mut self, mut credentials: Credentials) -> Result<usize, Errno> {
        if let Some(number) = self.known.iter().position(|known| *known == credentials) {
            return Ok(number);
        }
        if self.known.len() >= MOST_CREDENTIALS {
            return Err(Errno::EAGAIN);
        }
        credentials.groups = self.kept(credentials.groups)?;
        self.known.push(credentials);
        Ok(self.known.len() - 1)
    }

    fn kept(&mut self, list: Arc<[u32]>) -> Result<Arc<[u32]>, Errno> {
        if let Some(kept) = self.lists.iter().find(|kept| **kept == list) {
            return Ok(kept.clone());
        }
        if self.numbers + list.len() > MOST_NUMBERS {
            return Err(Errno::EAGAIN);
        }
        self.numbers += list.len();
        self.lists.push(list.clone());
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_an_end() {
        let mut table = Table::default();
        let long: Vec<u32> = (0..1024).collect();
        let of = |uid, first| Credentials::new(uid, 0, [&[first][..], &long[1..]].concat());
        assert_eq!(table.number_of(of(0, 0)), Ok(0));
        assert_eq!(table.number_of(of(1, 0)), Ok(1));
        assert_eq!(table.number_of(of(0, 0)), Ok(0));
        assert_eq!(table.lists.len(), 1, "a list is kept once");
        let taken = (0..).map(|number| table.number_of(of(7, number))).take_while(Result::is_ok).count();
        assert_eq!(taken, MOST_NUMBERS / 1024);
        let few = (0..).map(|number| table.number_of(Credentials::new(number, 0, vec![]))).take_while(Result::is_ok);
        assert_eq!(few.count() + taken + 2, MOST_CREDENTIALS);
    }
}
