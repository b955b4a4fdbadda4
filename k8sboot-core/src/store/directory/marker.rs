//! The marker of a range set: the address given last, as text, where the search for the next one begins.

use std::{net::IpAddr, os::fd::OwnedFd};

use rustix::fs::{Mode, OFlags};

use super::{
    files::Files,
    name::{file_name, marker_name},
};
use crate::store::{StoreError, StoreOp};

/// No address is longer; more is none.
const LONGEST: usize = 64;

/// A marker as it was read.
#[derive(Debug)]
pub(super) struct Marker {
    name: String,
    fd: Option<OwnedFd>,
    length: usize,
    address: Option<IpAddr>,
}

impl Marker {
    /// Reads the marker of a range set. One that is missing, cannot be read or is no address counts as none, as in
    /// host-local.
    pub(super) fn read(files: &Files, set: usize) -> Self {
        let name = marker_name(set);
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = files
            .call(StoreOp::Read, &name, || rustix::fs::openat(files.dir(), &*name, flags, Mode::empty()));
        let mut marker = Self { name, fd: opened.ok(), length: 0, address: None };
        marker.refresh();
        marker
    }

    /// The address given last, if the marker tells one.
    pub(super) const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Reads the file again; only right while nobody renames the marker.
    pub(super) fn refresh(&mut self) {
        let Some(fd) = &self.fd else { return };
        let mut buffer = [0_u8; LONGEST];
        match rustix::io::pread(fd, &mut buffer, 0) {
            Ok(length) => {
                let text = buffer.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
                self.address = text.and_then(|t| t.parse::<IpAddr>().ok()).map(|a| a.to_canonical());
                self.length = length;
            }
            Err(_) => self.fd = None,
        }
    }

    /// Whether the file is kept open.
    pub(super) const fn is_open(&self) -> bool {
        self.fd.is_some()
    }

    /// Whether moving the marker there takes a temporary file.
    pub(super) fn needs_temporary(&self, address: IpAddr) -> bool {
        self.fd.is_some() && file_name(address).len() < self.length
    }

    /// Moves the marker. Whoever reads it at any moment reads the old address or the new one.
    pub(super) fn write(&mut self, files: &mut Files, address: IpAddr) -> Result<(), StoreError> {
        if self.address == Some(address) {
            return Ok(());
        }
        let text = file_name(address);
        if let Some(fd) = &self.fd
            && text.len() >= self.length
        {
            // One write into one page: a kill comes before or after it.
            let written =
                files.run(StoreOp::Write, &self.name, || rustix::io::pwrite(fd, text.as_bytes(), 0))?;
            if written == text.len() {
                files.log.put(&self.name, text.as_bytes());
                self.address = Some(address);
                self.length = written;
                return Ok(());
            }
        }
        if self.fd.is_some() || files.create_complete(&self.name, text.as_bytes())?.is_none() {
            files.replace(&self.name, text.as_bytes())?;
        }
        *self = Self { name: std::mem::take(&mut self.name), fd: None, length: 0, address: Some(address) };
        Ok(())
    }
}
