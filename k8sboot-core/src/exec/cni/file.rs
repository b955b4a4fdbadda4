//! Reading small files and listing directories, with the path in every error.

use std::{fs::File, io::Read, path::Path};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags},
    io::Errno,
};

use super::error::{CniFileError, CniFileOp, at};

/// More than any configuration or stored result has.
const MOST: u64 = 4 * 1024 * 1024;

/// The bytes of a regular file, links followed; `None` if nothing is there.
pub(crate) fn read_file(path: &Path) -> Result<Option<Vec<u8>>, CniFileError> {
    // Not blocking: a pipe without a writer must not stop the reader for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(at(CniFileOp::Read, path)(errno.into())),
    };
    let stat = rustix::fs::fstat(&fd).map_err(|errno| at(CniFileOp::Read, path)(errno.into()))?;
    let found = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a directory"),
        _ => Some("a device, socket or pipe"),
    };
    if let Some(found) = found {
        return Err(CniFileError::Kind { path: path.to_owned(), found });
    }
    let mut bytes = Vec::new();
    let read = File::from(fd).take(MOST + 1).read_to_end(&mut bytes).map_err(at(CniFileOp::Read, path))?;
    if u64::try_from(read).unwrap_or(u64::MAX) > MOST {
        return Err(CniFileError::Size { path: path.to_owned(), most: MOST });
    }
    Ok(Some(bytes))
}

/// The names in a directory that are no directories themselves, in byte order; `None` if nothing is there.
///
/// A name that is not UTF-8 is given with U+FFFD in it, and so cannot be opened; its reader says so.
pub(crate) fn list_names(directory: &Path) -> Result<Option<Vec<String>>, CniFileError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(CniFileOp::List, directory)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(at(CniFileOp::List, directory))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(Some(names))
}
