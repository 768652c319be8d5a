//! Sparse files in archives: a map of the parts that are stored; everything else is zeros.
//!
//! Formats: GNU's old one (type `S`, the map in the header) and its three PAX formats 0.0, 0.1 and 1.0, as the GNU tar
//! manual describes them under "Storing Sparse Files".

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::ustar::BLOCK;

/// Where the stored bytes of a sparse file belong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Map {
    /// The size of the whole file.
    pub(crate) size: u64,
    /// Offset in the file and length of each part, ascending; they are stored one after the other.
    pub(crate) parts: Vec<(u64, u64)>,
}

/// More parts than any real file has; a hostile map must not fill the memory.
const MOST_PARTS: usize = 1 << 20;

impl Map {
    /// Reads the first parts from the header of GNU's old format.
    pub(super) fn gnu(header: &tar::GnuHeader) -> io::Result<Map> {
        let mut map = Map { size: header.real_size()?, parts: Vec::new() };
        map.extend(&header.sparse)?;
        Ok(map)
    }

    /// Reads further parts of GNU's old format.
    pub(super) fn extend_gnu(&mut self, header: &tar::GnuExtSparseHeader) -> io::Result<()> {
        self.extend(header.sparse())
    }

    fn extend(&mut self, parts: &[tar::GnuSparseHeader]) -> io::Result<()> {
        for part in parts {
            if !part.is_empty() {
                self.push(part.offset()?, part.length()?)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, offset: u64, length: u64) -> io::Result<()> {
        if self.parts.len() >= MOST_PARTS {
            return Err(invalid("too many parts"));
        }
        self.parts.push((offset, length));
        Ok(())
    }

    /// Checks that the parts are in order, inside the file, and together as long as what is stored.
    pub(super) fn check(&self, stored: u64) -> io::Result<()> {
        let mut end = 0;
        let mut total = 0u64;
        for (offset, length) in &self.parts {
            let next = offset.checked_add(*length).ok_or_else(|| invalid("a part is too large"))?;
            if *offset < end || next > self.size {
                return Err(invalid("parts overlap or lie outside the file"));
            }
            end = next;
            total += length;
        }
        if total != stored {
            return Err(invalid("the parts are not as long as what is stored"));
        }
        Ok(())
    }
}

/// The PAX records about a sparse file, as they come.
#[derive(Default)]
pub(super) struct PaxMap {
    major: Option<u64>,
    name: Option<Vec<u8>>,
    size: Option<u64>,
    numbers: Vec<u64>,
    seen: bool,
}

impl PaxMap {
    /// Takes a record whose key begins with `GNU.sparse.`; false if its value is malformed.
    pub(super) fn record(&mut self, key: &[u8], value: &[u8]) -> bool {
        self.seen = true;
        let text = std::str::from_utf8(value).unwrap_or_default();
        let number = || text.parse::<u64>().ok();
        match key {
            b"GNU.sparse.name" => self.name = Some(value.to_vec()),
            b"GNU.sparse.major" => self.major = number(),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.size = number(),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => match number() {
                Some(number) if self.numbers.len() < 2 * MOST_PARTS => self.numbers.push(number),
                _ => return false,
            },
            b"GNU.sparse.map" => {
                for number in text.split(',').filter(|part| !part.is_empty()) {
                    match number.parse() {
                        Ok(number) => self.numbers.push(number),
                        Err(_) => return false,
                    }
                }
            }
            _ => {}
        }
        true
    }

    /// The file's real name; the header has a made-up one.
    pub(super) fn take_name(&mut self) -> Option<Vec<u8>> {
        self.name.take()
    }

    /// Makes the map; format 1.0 has it at the beginning of the stored bytes, which are read as far as that. `None` if
    /// there was no record about a sparse file.
    pub(super) fn finish(mut self, stored: u64, content: &mut impl Read) -> io::Result<Option<Map>> {
        if !self.seen {
            return Ok(None);
        }
        let size = self.size.ok_or_else(|| invalid("its size is missing"))?;
        let mut used = 0;
        if self.major == Some(1) {
            (self.numbers, used) = read_map(content)?;
        }
        let mut map = Map { size, parts: Vec::new() };
        for pair in self.numbers.chunks(2) {
            let [offset, length] = pair else {
                return Err(invalid("its map has an odd number of entries"));
            };
            map.push(*offset, *length)?;
        }
        map.check(stored.saturating_sub(used))?;
        Ok(Some(map))
    }
}

/// Reads decimal numbers, one a line: how many parts, then offset and length of each; filled up to whole blocks.
fn read_map(content: &mut impl Read) -> io::Result<(Vec<u64>, u64)> {
    let mut block = [0u8; BLOCK as usize];
    let mut numbers: Vec<u64> = Vec::new();
    let mut wanted = None;
    let mut digits = String::new();
    let mut used = 0;
    loop {
        content.read_exact(&mut block).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => invalid("its map has no end"),
            _ => error,
        })?;
        used += BLOCK;
        for byte in block {
            match byte {
                b'0'..=b'9' if digits.len() < 20 => digits.push(char::from(byte)),
                b'\n' => {
                    let number: u64 = digits.parse().map_err(|_| invalid("its map is malformed"))?;
                    digits.clear();
                    match wanted {
                        None if number > MOST_PARTS as u64 => {
                            return Err(invalid("too many parts"));
                        }
                        None => wanted = Some(2 * number),
                        Some(_) => numbers.push(number),
                    }
                }
                _ => return Err(invalid("its map is malformed")),
            }
            if wanted == Some(numbers.len() as u64) {
                return Ok((numbers, used));
            }
        }
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("invalid sparse file: {reason}"))
}

/// Puts the stored bytes of a file where they belong in another, from an offset on. What lies between them is not touched,
/// so in a new file it is a hole.
pub(super) fn lay_out(map: &Map, stored: &mut impl Read, file: &File, offset: u64) -> io::Result<()> {
    let mut buffer = vec![0; 128 << 10];
    for (start, length) in &map.parts {
        let mut done = 0;
        while done < *length {
            let most = buffer.len().min(usize::try_from(length - done).unwrap_or(usize::MAX));
            let count = super::source::read_full(stored, &mut buffer[..most])?;
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends in the middle of a file"));
            }
            file.write_all_at(&buffer[..count], offset + start + done)?;
            done += count as u64;
        }
    }
    Ok(())
}

/// The whole bytes of a file: as they are stored, or with the zeros between the stored parts.
pub(super) struct Expanded<R> {
    stored: R,
    map: Option<Map>,
    position: u64,
    part: usize,
}

impl<R: Read> Expanded<R> {
    pub(super) fn new(stored: R, map: Option<Map>) -> Expanded<R> {
        Expanded { stored, map, position: 0, part: 0 }
    }
}

impl<R: Read> Read for Expanded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(map) = &self.map else {
            return self.stored.read(buffer);
        };
        while map.parts.get(self.part).is_some_and(|(offset, length)| offset + length <= self.position) {
            self.part += 1;
        }
        let (is_stored, end) = match map.parts.get(self.part) {
            Some((offset, length)) if *offset <= self.position => (true, offset + length),
            Some((offset, _)) => (false, *offset),
            None => (false, map.size),
        };
        let most = buffer.len().min(usize::try_from(end - self.position).unwrap_or(usize::MAX));
        let count = if is_stored { self.stored.read(&mut buffer[..most])? } else { most };
        if !is_stored {
            buffer[..most].fill(0);
        }
        self.position += count as u64;
        Ok(count)
    }
}
