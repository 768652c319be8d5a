//! Archives of the build context, as `ADD` unpacks them: tar, plain or compressed.
//!
//! The kind is found out from the first bytes and not from the file's name. Formats: gzip (several members), bzip2, xz,
//! zstd (several frames). An archive is read as a stream; nothing is expanded to disk or wholly into memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::read::{Entries, RawKind};
use super::source::StreamSource;
use super::{Error, Layer, LayerWriter, sparse};
use crate::store::Store;
use crate::tree::{Content, Kind, LinkId, Node, Place, TreePath};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not in a known way.
    None,
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz, with LZMA2 inside.
    Xz,
    /// RFC 8878.
    Zstd,
}

/// Finds out the compression from the first bytes (6 are enough).
pub fn sniff(beginning: &[u8]) -> Compression {
    if beginning.starts_with(&[0x1f, 0x8b, 0x08]) {
        Compression::Gzip
    } else if beginning.starts_with(b"BZh") {
        Compression::Bzip2
    } else if beginning.starts_with(b"\xfd7zXZ\0") {
        Compression::Xz
    } else if beginning.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Compression::Zstd
    } else {
        Compression::None
    }
}

/// Whether a file is an archive that [`read`] can take apart: after decompression its first block is a header.
/// A compressed file with something else inside is not.
pub fn is_archive(path: &Path) -> Result<bool, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let Ok(decoder) = decoder(file) else {
        return Ok(false);
    };
    let mut entries = Entries::new(StreamSource(decoder), &path.display().to_string());
    Ok(matches!(entries.next_entry(), Ok(Some(_))))
}

/// Begins to read an archive of the machine.
pub fn read(path: &Path) -> Result<Archive, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let name = path.display().to_string();
    let decoder = decoder(file).map_err(|error| Error::Archive { name: name.clone(), reason: error.to_string() })?;
    Ok(Archive { entries: Entries::new(StreamSource(decoder), &name), seen: HashMap::new(), files: 0, map: None })
}

/// Takes an archive as a layer, entry by entry, in the archive's order and with its owners. The root directory is no part
/// of it.
pub fn import(store: &Store, path: &Path) -> Result<Layer, Error> {
    let mut archive = read(path)?;
    let mut writer = LayerWriter::new(store)?;
    while let Some((path, node)) = archive.next_entry()? {
        if !path.is_root() {
            writer.append(&path, &node, &mut archive.content())?;
        }
    }
    writer.finish()
}

/// What an archive says of one path.
#[derive(Debug)]
pub enum Member {
    /// A file of any kind. A regular file has a link id of its own; the place of its bytes means nothing, they come from
    /// [`Archive::content`].
    Node(Node),
    /// Another name of the file at this path, which need not be in the archive.
    HardLink(TreePath),
}

/// An archive that is being read.
pub struct Archive {
    entries: Entries<StreamSource<Box<dyn Read + Send>>>,
    /// What hard links may name.
    seen: HashMap<TreePath, Node>,
    files: u64,
    /// The map of the current entry, when it is a sparse file.
    map: Option<sparse::Map>,
}

impl Archive {
    /// The next entry; `None` at the end.
    ///
    /// The path is cleaned by its letters. Every regular file has a link id, which a hard link to it has too; the place
    /// of its bytes means nothing, they come from [`Archive::content`].
    pub fn next_entry(&mut self) -> Result<Option<(TreePath, Node)>, Error> {
        let Some((path, member)) = self.next_member()? else {
            return Ok(None);
        };
        let node = match member {
            Member::Node(node) => node,
            Member::HardLink(target) => match self.seen.get(&target) {
                Some(node) => node.clone(),
                None => {
                    let reason = format!("a hard link to `{target}`, which is not in the archive before it");
                    return Err(Error::Entry { path, reason });
                }
            },
        };
        if !node.is_directory() {
            self.seen.insert(path.clone(), node.clone());
        }
        Ok(Some((path, node)))
    }

    /// The next entry as the archive has it, hard links not looked up; `None` at the end.
    pub fn next_member(&mut self) -> Result<Option<(TreePath, Member)>, Error> {
        let Some(raw) = self.entries.next_entry()? else {
            return Ok(None);
        };
        let path = TreePath::new(&raw.name);
        self.map = None;
        let kind = match raw.kind {
            RawKind::Directory => Kind::Directory,
            RawKind::File => Kind::File(self.file(raw.stored)),
            RawKind::Sparse(map) => {
                let content = self.file(map.size);
                self.map = Some(map);
                Kind::File(content)
            }
            RawKind::Symlink(target) => Kind::Symlink(target),
            RawKind::CharDevice(major, minor) => Kind::CharDevice { major, minor },
            RawKind::BlockDevice(major, minor) => Kind::BlockDevice { major, minor },
            RawKind::Fifo => Kind::Fifo,
            RawKind::HardLink(target) => return Ok(Some((path, Member::HardLink(TreePath::new(target))))),
        };
        Ok(Some((path, Member::Node(Node { metadata: raw.metadata, kind }))))
    }

    /// The bytes of the current entry, as many as its node says; nothing for a hard link.
    pub fn content(&mut self) -> impl Read + '_ {
        sparse::Expanded::new(self.entries.content(), self.map.take())
    }

    fn file(&mut self, size: u64) -> Content {
        self.files += 1;
        Content { size, place: Place::Bytes(Arc::from([])), link: Some(LinkId(u64::MAX, self.files)) }
    }
}

/// The uncompressed bytes of a file, whatever its compression.
pub fn decoder(file: File) -> io::Result<Box<dyn Read + Send>> {
    let mut reader = BufReader::with_capacity(128 << 10, file);
    Ok(match sniff(reader.fill_buf()?) {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(reader)),
        Compression::Zstd => Box::new(ZstdFrames { frame: None, source: Some(reader) }),
        Compression::Xz => Box::new(PushedReader::start(move |output| {
            let mut reader = reader;
            lzma_rs::xz_decompress(&mut reader, output).map_err(|error| match error {
                lzma_rs::error::Error::IoError(error) => error,
                other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
            })
        })?),
    })
}

/// Reads one zstd frame after the other; the decoder itself ends after the first.
struct ZstdFrames {
    frame: Option<ruzstd::decoding::StreamingDecoder<ZstdSource, ruzstd::decoding::FrameDecoder>>,
    source: Option<BufReader<File>>,
}

/// The four bytes by which a frame was recognised, and the rest of the file.
type ZstdSource = io::Chain<io::Cursor<[u8; 4]>, BufReader<File>>;

impl ZstdFrames {
    /// Begins the next frame, passing over those that hold no data; false at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        if let Some(frame) = self.frame.take() {
            self.source = Some(frame.into_inner().into_inner().1);
        }
        let Some(mut source) = self.source.take() else {
            return Ok(false);
        };
        while !source.fill_buf()?.is_empty() {
            let mut magic = [0; 4];
            source.read_exact(&mut magic)?;
            if u32::from_le_bytes(magic) & 0xffff_fff0 == 0x184d_2a50 {
                let mut length = [0; 4];
                source.read_exact(&mut length)?;
                io::copy(&mut (&mut source).take(u64::from(u32::from_le_bytes(length))), &mut io::sink())?;
                continue;
            }
            let frame = ruzstd::decoding::StreamingDecoder::new(io::Cursor::new(magic).chain(source))
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            self.frame = Some(frame);
            return Ok(true);
        }
        Ok(false)
    }
}

impl Read for ZstdFrames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(frame) = &mut self.frame {
                let count = frame.read(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
            }
            if !self.next_frame()? {
                return Ok(0);
            }
        }
    }
}

/// Turns a decompressor that writes into a reader: it runs on its own thread and waits when nobody reads.
struct PushedReader {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    position: usize,
}

struct Pushing(SyncSender<io::Result<Vec<u8>>>);

impl PushedReader {
    fn start(
        decompress: impl FnOnce(&mut io::BufWriter<Pushing>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(4);
        std::thread::Builder::new().name("decompress".to_string()).spawn(move || {
            let errors = sender.clone();
            let mut output = io::BufWriter::with_capacity(128 << 10, Pushing(sender));
            let result = decompress(&mut output).and_then(|()| io::Write::flush(&mut output));
            // The reader may be gone already: then there is nobody to tell.
            if let Err(error) = result {
                let _ = errors.send(Err(error));
            }
        })?;
        Ok(PushedReader { pieces, piece: Vec::new(), position: 0 })
    }
}

impl io::Write for Pushing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(Ok(bytes.to_vec())).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for PushedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.piece.len() {
            match self.pieces.recv() {
                Ok(piece) => (self.piece, self.position) = (piece?, 0),
                // The thread has ended, and so have the bytes.
                Err(_) => return Ok(0),
            }
        }
        let count = (&self.piece[self.position..]).read(buffer)?;
        self.position += count;
        Ok(count)
    }
}
