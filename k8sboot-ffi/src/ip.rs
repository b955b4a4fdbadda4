//! Addresses as C has them, and their text.

use std::{
    ffi::c_char,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::guard,
    text::text,
};

/// IPv4: the first four bytes count.
pub const K8SBOOT_FAMILY_V4: u32 = 4;
/// IPv6: all sixteen bytes count.
pub const K8SBOOT_FAMILY_V6: u32 = 6;
/// Room for the longest text of an address with its NUL.
pub const K8SBOOT_IP_TEXT: usize = 46;

/// An address in network byte order. Its layout is frozen.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct k8sboot_ip_t {
    /// `K8SBOOT_FAMILY_V4` or `K8SBOOT_FAMILY_V6`; 0 in what was not set.
    pub family: u8,
    /// The address; bytes beyond the family's are 0 on the way out and not looked at on the way in.
    pub bytes: [u8; 16],
}

/// Reads an address from its text, `10.244.1.2` or `fd00::2`, into `out`. IPv4 written as IPv6 becomes IPv4.
///
/// # Safety
///
/// `address` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_ip_parse(
    address: *const c_char,
    out: *mut k8sboot_ip_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = empty(out, "out")?;
            let address = text(address, "address")?;
            *out = address.parse::<IpAddr>().map_err(|_| not_an_address("address", address))?.into();
            Ok(())
        })
    }
}

/// Writes the text of an address with its NUL to `out`, which has room for `capacity` bytes; `K8SBOOT_IP_TEXT` always
/// suffice.
///
/// # Safety
///
/// `address` is NULL or readable; `out` is NULL or has room for `capacity` bytes; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_ip_text(
    address: *const k8sboot_ip_t,
    out: *mut c_char,
    capacity: usize,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above; the text and its NUL are no longer than the room.
    unsafe {
        guard(err, || {
            if out.is_null() {
                return Err(Failure::null("out"));
            }
            if capacity > 0 {
                out.write(0);
            }
            let text = address_in(address, "address")?.to_string();
            if text.len() >= capacity {
                let problem = format!("expected room for {} bytes, found {capacity}", text.len() + 1);
                return Err(Failure::misuse("capacity", &problem));
            }
            out.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
            out.add(text.len()).write(0);
            Ok(())
        })
    }
}

impl From<IpAddr> for k8sboot_ip_t {
    fn from(address: IpAddr) -> Self {
        let mut bytes = [0; 16];
        let family = match address.to_canonical() {
            IpAddr::V4(v4) => {
                for (to, from) in bytes.iter_mut().zip(v4.octets()) {
                    *to = from;
                }
                4
            }
            IpAddr::V6(v6) => {
                bytes = v6.octets();
                6
            }
        };
        Self { family, bytes }
    }
}

impl k8sboot_ip_t {
    /// The address, if the family is one.
    pub(crate) fn address(self, argument: &'static str) -> Result<IpAddr, Failure> {
        match u32::from(self.family) {
            K8SBOOT_FAMILY_V4 => {
                let [a, b, c, d, ..] = self.bytes;
                Ok(Ipv4Addr::new(a, b, c, d).into())
            }
            K8SBOOT_FAMILY_V6 => Ok(IpAddr::from(Ipv6Addr::from(self.bytes)).to_canonical()),
            other => Err(Failure::choice(argument, "K8SBOOT_FAMILY_…", other)),
        }
    }
}

/// An address from the caller.
///
/// # Safety
///
/// `from` is NULL or readable.
pub(crate) unsafe fn address_in(
    from: *const k8sboot_ip_t,
    argument: &'static str,
) -> Result<IpAddr, Failure> {
    // SAFETY: exactly the caller's promise.
    unsafe { from.as_ref() }.ok_or_else(|| Failure::null(argument))?.address(argument)
}

/// Empties an output of plain data and returns the place to write it to.
///
/// # Safety
///
/// `place` is NULL or writable for `'a`.
pub(crate) unsafe fn empty<'a, T: Copy + Default>(
    place: *mut T,
    argument: &'static str,
) -> Result<&'a mut T, Failure> {
    if place.is_null() {
        return Err(Failure::null(argument));
    }
    // SAFETY: writable; written before it is borrowed, because it may be uninitialised.
    unsafe {
        place.write(T::default());
        Ok(&mut *place)
    }
}

pub(crate) fn not_an_address(argument: &'static str, found: &str) -> Failure {
    Failure::misuse(argument, &format!("expected an address like 10.244.1.2 or fd00::2, found {found:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::K8SBOOT_E_ENUM;

    #[test]
    fn the_layout_is_frozen() {
        assert_eq!((size_of::<k8sboot_ip_t>(), align_of::<k8sboot_ip_t>()), (17, 1));
    }

    #[test]
    fn addresses_cross_and_come_back() {
        for text in ["10.244.1.2", "fd00::2", "0.0.0.0", "::"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(k8sboot_ip_t::from(address).address("a").unwrap(), address);
        }
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(k8sboot_ip_t::from(mapped).family, 4);
        let mut odd = k8sboot_ip_t::from(mapped);
        odd.bytes[15] = 9;
        assert_eq!(odd.address("a").unwrap().to_string(), "10.0.0.1", "what does not count is not looked at");
        odd.family = 5;
        assert_eq!(odd.address("a").unwrap_err().code(), K8SBOOT_E_ENUM);
    }
}
