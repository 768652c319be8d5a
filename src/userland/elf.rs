//! What a program needs to start: the dynamic part of an ELF file.
//!
//! Specification: elf(5), and the sections on dynamic linking of the System V ABI. Read are the loader's path
//! (`PT_INTERP`) and, of the dynamic section, `DT_NEEDED`, `DT_RPATH` and `DT_RUNPATH`. The strings are found through the
//! program headers, as the loader does it, so a program without section headers is read too.

use std::path::PathBuf;

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, FileKind};

/// How a program or library is linked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Linkage {
    /// Word size and processor; a library has to agree with the program in both.
    pub(crate) machine: (u8, u16),
    /// The program that loads it; none for a library and for a static program.
    pub(crate) interpreter: Option<PathBuf>,
    /// The libraries it names, in order.
    pub(crate) needed: Vec<String>,
    /// Where it looks first, if there is no `runpath`; what it loads looks there too.
    pub(crate) rpath: Vec<String>,
    /// Where it looks, but not what it loads.
    pub(crate) runpath: Vec<String>,
}

/// Reads the linkage of the file in `data`. `None` if it isn't ELF at all.
///
/// # Errors
/// The reader's words if it begins like ELF and is damaged.
pub(crate) fn linkage(data: &[u8]) -> Option<Result<Linkage, object::read::Error>> {
    match FileKind::parse(data) {
        Ok(FileKind::Elf64) => Some(read::<FileHeader64<Endianness>>(data)),
        Ok(FileKind::Elf32) => Some(read::<FileHeader32<Endianness>>(data)),
        _ => None,
    }
}

fn read<Header: FileHeader<Endian = Endianness>>(data: &[u8]) -> Result<Linkage, object::read::Error> {
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    let mut linkage =
        Linkage { machine: (u8::from(header.is_class_64()), header.e_machine(endian).0), ..Linkage::default() };
    let mut entries: &[Header::Dyn] = &[];
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data)? {
            linkage.interpreter = Some(PathBuf::from(text(path)));
        }
        if let Some(found) = segment.dynamic(endian, data)? {
            entries = found;
        }
    }
    let entries: Vec<(elf::DynamicTag, u64)> = entries
        .iter()
        .map(|entry| (entry.tag(endian), entry.val(endian)))
        .take_while(|(tag, _)| *tag != elf::DT_NULL)
        .collect();
    let Some(&(_, address)) = entries.iter().find(|(tag, _)| *tag == elf::DT_STRTAB) else {
        return Ok(linkage);
    };
    // The dynamic section speaks of addresses; the segment that is loaded there says where in the file that is.
    let strings = segments.iter().find_map(|segment| {
        let (start, offset): (u64, u64) = (segment.p_vaddr(endian).into(), segment.p_offset(endian).into());
        let length: u64 = segment.p_filesz(endian).into();
        let inside = segment.p_type(endian) == elf::PT_LOAD && (start..start.saturating_add(length)).contains(&address);
        let position = usize::try_from(offset.checked_add(address.checked_sub(start)?)?).ok()?;
        inside.then(|| data.get(position..)).flatten()
    });
    let string = |offset: u64| -> Option<String> {
        let rest = strings?.get(usize::try_from(offset).ok()?..)?;
        Some(text(rest.split(|&byte| byte == 0).next()?))
    };
    for (tag, value) in entries {
        let list = match tag {
            elf::DT_NEEDED => &mut linkage.needed,
            elf::DT_RPATH => &mut linkage.rpath,
            elf::DT_RUNPATH => &mut linkage.runpath,
            _ => continue,
        };
        let Some(value) = string(value) else { continue };
        if tag == elf::DT_NEEDED {
            list.push(value);
        } else {
            list.extend(value.split(':').filter(|part| !part.is_empty()).map(str::to_owned));
        }
    }
    Ok(linkage)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
