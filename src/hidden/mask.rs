//! Masking: secrets are taken out of texts and streams, for what is kept of them or handed on.
//!
//! All secrets are sought at once, in one pass, by an automaton as Aho and Corasick describe it: a tree of the secrets' bytes, in which each node also knows
//! where to go on when the next byte does not fit. So the time does not depend on how many secrets there are. Every byte that belongs to a
//! secret is masked, also where two overlap, and what touches becomes one mask. At the end of a piece only so many bytes are held back as
//! may be the beginning of a secret.
//!
//! Left out: what a program has made of a secret, such as its base64; and secrets of less than [`SHORTEST`] bytes, which would be found
//! everywhere. Not the crate `aho-corasick`, as that does not tell how many bytes at the end of a piece are to wait.
//!
//! Aho, A. V.; Corasick, M. J. (1975): Efficient string matching: an aid to bibliographic search.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::Hidden;

/// What stands in the place of a secret.
const MASK: &[u8] = "•••".as_bytes();

/// Shorter secrets, and shorter lines of longer ones, would be found where they are no secret; so would shorter names of files.
pub(crate) const SHORTEST: usize = 4;
const SHORTEST_NAME: usize = 8;

/// Of a longer secret only the lines are sought. A byte takes about 120 in the automaton, and so much in one piece is hardly printed.
const LONGEST_WHOLE: usize = 16 << 10;

/// Secrets, to be taken out: each, each line of one that has several, and the names of files that one with slashes makes as a path.
#[derive(Clone, Default)]
pub(crate) struct Mask(Option<Arc<Automaton>>);

impl Mask {
    /// A mask of these secrets, without the blanks around them; also as they are written between quotes, and on one line.
    pub(crate) fn of<'s>(secrets: impl IntoIterator<Item = &'s Hidden>) -> Mask {
        let mut automaton = Automaton::default();
        for secret in secrets {
            let whole = secret.reveal().trim_ascii();
            if (SHORTEST..=LONGEST_WHOLE).contains(&whole.len()) {
                [whole, &quoted(whole), &on_one_line(whole)].into_iter().for_each(|form| automaton.add(form));
            }
            for line in whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
                if line.len() >= SHORTEST {
                    automaton.add(line);
                }
                // The base64 of a key has slashes, and a tree of files lists each name by itself. Those of a path and of an address are no secret.
                let is_place = line.starts_with(b"/") || line.windows(3).any(|three| three == b"://");
                if line.contains(&b'/') && !is_place {
                    let names = line.split(|byte| *byte == b'/').filter(|name| name.len() >= SHORTEST_NAME);
                    names.for_each(|name| automaton.add(name));
                }
            }
        }
        automaton.link();
        Mask((automaton.nodes.len() > 1).then(|| Arc::new(automaton)))
    }

    /// A text without secrets, and without what may be the beginning of one at its end, where it was cut.
    pub(crate) fn cut_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&Masking::new(self).pass(text.as_bytes())).into_owned()
    }

    /// A text without secrets.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.0.is_none() {
            return Cow::Borrowed(text);
        }
        let mut masking = Masking::new(self);
        let mut masked = masking.pass(text.as_bytes());
        masked.extend(masking.end());
        if masked == text.as_bytes() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(String::from_utf8_lossy(&masked).into_owned())
    }
}

/// A text between quotes.
fn quoted(text: &[u8]) -> Vec<u8> {
    let escaped =
        text.iter().flat_map(|byte| [b'\\', *byte].into_iter().skip(usize::from(!matches!(byte, b'"' | b'\\'))));
    escaped.collect()
}

/// A text with one blank where it has several, or the end of a line.
fn on_one_line(text: &[u8]) -> Vec<u8> {
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

/// A stream of bytes that is masked as it comes.
#[derive(Default)]
pub(crate) struct Masking {
    mask: Mask,
    /// The node for the longest beginning of a secret that the bytes so far end with.
    node: usize,
    /// The bytes that are not passed yet.
    held: Vec<u8>,
    /// Which of them are part of a secret: from, to.
    secret: Vec<(usize, usize)>,
    /// Whether the last byte that was passed is part of one.
    is_in_secret: bool,
}

impl Masking {
    pub(crate) fn new(mask: &Mask) -> Masking {
        Masking { mask: mask.clone(), ..Masking::default() }
    }

    /// A piece without secrets, as far as that can be said yet.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(automaton) = self.mask.0.clone() else { return bytes.to_vec() };
        for byte in bytes {
            self.held.push(*byte);
            self.node = automaton.next(self.node, *byte);
            let length = automaton.nodes[self.node].longest;
            if length > 0 {
                self.found(self.held.len() - length);
            }
        }
        self.release(self.held.len() - automaton.nodes[self.node].depth)
    }

    /// What was held back, when no more comes.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        self.node = ROOT;
        self.release(self.held.len())
    }

    /// A secret lies between a place and the end of what is held.
    fn found(&mut self, mut from: usize) {
        while let Some((start, _)) = self.secret.pop_if(|(_, end)| *end >= from) {
            from = from.min(start);
        }
        self.secret.push((from, self.held.len()));
    }

    /// What is held up to a place.
    fn release(&mut self, end: usize) -> Vec<u8> {
        let mut released = Vec::with_capacity(end);
        let mut at = 0;
        for (from, to) in self.secret.iter().map(|(from, to)| (*from.min(&end), *to.min(&end))).filter(|(a, b)| a < b) {
            released.extend_from_slice(&self.held[at..from]);
            if !(self.is_in_secret && from == 0) {
                released.extend_from_slice(MASK);
            }
            at = to;
        }
        released.extend_from_slice(&self.held[at..end]);
        self.is_in_secret = if end == 0 { self.is_in_secret } else { at == end };
        self.held.drain(..end);
        self.secret.retain_mut(|(from, to)| {
            (*from, *to) = (from.saturating_sub(end), to.saturating_sub(end));
            *to > 0
        });
        released
    }
}

/// The node for nothing.
const ROOT: usize = 0;

/// A node for each beginning of a secret.
struct Automaton {
    nodes: Vec<Node>,
    edges: HashMap<(usize, u8), usize>,
    /// The edges of the root, where most bytes of most texts lead.
    first: [usize; 256],
}

#[derive(Default)]
struct Node {
    /// How many bytes it stands for.
    depth: usize,
    /// The node for the longest of their ends that is a beginning, too.
    shorter: usize,
    /// How long the longest secret is that ends here.
    longest: usize,
}

impl Default for Automaton {
    fn default() -> Automaton {
        Automaton { nodes: vec![Node::default()], edges: HashMap::new(), first: [ROOT; 256] }
    }
}

impl Automaton {
    fn add(&mut self, secret: &[u8]) {
        let mut node = ROOT;
        for (at, byte) in secret.iter().enumerate() {
            let new = self.nodes.len();
            node = *self.edges.entry((node, *byte)).or_insert(new);
            if node == new {
                self.nodes.push(Node { depth: at + 1, ..Node::default() });
            }
        }
        self.nodes[node].longest = secret.len();
    }

    /// Says of each node where to go on, which needs those of fewer bytes.
    fn link(&mut self) {
        let mut edges: Vec<(usize, u8, usize)> =
            self.edges.iter().map(|((from, byte), to)| (*from, *byte, *to)).collect();
        edges.sort_unstable_by_key(|(_, _, to)| self.nodes[*to].depth);
        for (from, byte, to) in edges {
            if from == ROOT {
                self.first[usize::from(byte)] = to;
                continue;
            }
            let shorter = self.next(self.nodes[from].shorter, byte);
            let longest = self.nodes[to].longest.max(self.nodes[shorter].longest);
            self.nodes[to] = Node { shorter, longest, ..self.nodes[to] };
        }
    }

    fn next(&self, mut node: usize, byte: u8) -> usize {
        while node != ROOT {
            match self.edges.get(&(node, byte)) {
                Some(next) => return *next,
                None => node = self.nodes[node].shorter,
            }
        }
        self.first[usize::from(byte)]
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Mask(…)")
    }
}

impl fmt::Debug for Masking {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Masking(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::{Hidden, Mask, Masking};

    fn mask(secrets: &[&str]) -> Mask {
        let secrets: Vec<Hidden> = secrets.iter().map(|one| Hidden::new(one.as_bytes().to_vec())).collect();
        Mask::of(&secrets)
    }

    /// What becomes of a text, cut into pieces of every length.
    fn masked(secrets: &[&str], text: &str) -> String {
        let mask = mask(secrets);
        let whole = mask.text(text).into_owned();
        for length in 1..text.len() {
            let mut masking = Masking::new(&mask);
            let mut passed: Vec<u8> = text.as_bytes().chunks(length).flat_map(|piece| masking.pass(piece)).collect();
            passed.extend(masking.end());
            assert_eq!(String::from_utf8_lossy(&passed), whole, "{length}");
        }
        whole
    }

    #[test]
    fn secrets_are_masked_wherever_a_text_is_cut() {
        let secrets = ["swordfish\n", "sword", "-----\nfirst line\nsecond\n-----", "abc"];
        let text = "a swordfish, a sword, first and abc\n-----\nfirst line\nsecond\n----- swor";
        assert_eq!(masked(&secrets, text), "a •••, a •••, first and abc\n••• swor");
        assert_eq!(masked(&secrets, "only first line of it"), "only ••• of it");
        assert_eq!(masked(&["user ada\npin1234\n"], "pin1234 ada user"), "••• ada user");
        assert_eq!(
            masked(&["abc/defghijkl", "https://a:b@c/repository"], "abc/ defghijkl/ repository"),
            "abc/ •••/ repository"
        );
        assert_eq!(masked(&[], "sword"), "sword");
        assert_eq!(masked(&["", " \n", "abc"], "abc"), "abc");
    }

    #[test]
    fn no_part_is_left_of_secrets_that_overlap() {
        assert_eq!(masked(&["abcdef", "defghi", "ghijkl"], "-abcdefghijkl- -abcdefgh-"), "-•••- -•••gh-");
        // One is within another, begins or ends it, or repeats itself.
        assert_eq!(masked(&["abcd", "abcdefgh", "efgh"], "abcde abcdefgh efgh abcdefg"), "•••e ••• ••• •••efg");
        assert_eq!(masked(&["anananas", "nana"], "bananana anananas"), "ba••• •••");
        assert_eq!(masked(&["aaaa"], "aaa aaaa aaaaaaa"), "aaa ••• •••");
        // A longer one that does not come after all.
        assert_eq!(masked(&["xyxyxyz!", "yxyx"], "xyxyxyxyz xyxyxyz!"), "x•••yz •••");
        assert_eq!(masked(&["fühl", "ühlung"], "ein Gefühlung, gefüh"), "ein Ge•••, gefüh");
    }

    #[test]
    fn a_secret_is_known_between_quotes_and_on_one_line() {
        let secrets = ["sword\"fi\\sh", "two  blanks\nand a line"];
        assert_eq!(masked(&secrets, r#"LABEL a="sword\"fi\\sh" b"#), r#"LABEL a="•••" b"#);
        assert_eq!(masked(&secrets, "ENV A=two blanks and a line, B"), "ENV A=•••, B");
    }

    #[test]
    fn of_a_long_secret_the_lines_are_sought() {
        let long: String = (0..4000).map(|number| format!("line {number:04}\n")).collect();
        assert_eq!(mask(&[&long]).text("a line 0123 of it, line 4000"), "a ••• of it, line 4000");
        let nodes = |mask: &Mask| mask.0.as_ref().map(|automaton| automaton.nodes.len());
        assert!(nodes(&mask(&[&long])) < Some(long.len() / 2));
    }

    #[test]
    fn no_beginning_of_a_secret_is_left_where_a_text_was_cut() {
        assert_eq!(mask(&["swordfish"]).cut_text("a swordfish, a sword"), "a •••, a ");
    }

    #[test]
    fn many_secrets_are_sought_at_once() {
        let secrets: Vec<Hidden> =
            (0..5000).map(|number| Hidden::new(format!("secret-{number:05}").into_bytes())).collect();
        let mask = Mask::of(&secrets);
        let text = "secret-0 no secret-01234 no secret-x ".repeat(20_000);
        assert_eq!(mask.text(&text), "secret-0 no ••• no secret-x ".repeat(20_000));
    }
}
