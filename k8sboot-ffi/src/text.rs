//! Text and bytes across the boundary: borrowed on the way in, owned buffers on the way out.

use std::{
    ffi::{CStr, CString, c_char},
    slice,
};

use k8sboot_core::secret::SecretBytes;
use zeroize::Zeroizing;

use crate::{error::Failure, guard::guard_void, handle::release};

/// Text or bytes made by this library. Freed with `k8sboot_buf_free`.
///
/// A NUL that is not counted follows the data, so text can be used as a C string. Buffers with key material are wiped
/// when they are freed.
pub struct k8sboot_buf_t(Content);

enum Content {
    Plain(Vec<u8>),
    Secret(Zeroizing<Vec<u8>>),
}

impl k8sboot_buf_t {
    fn with_nul(&self) -> &[u8] {
        match &self.0 {
            Content::Plain(bytes) => bytes,
            Content::Secret(bytes) => bytes,
        }
    }
}

/// The data; valid until the buffer is freed, never NULL for a live buffer. NULL for NULL.
///
/// # Safety
///
/// `buf` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_buf_data(buf: *const k8sboot_buf_t) -> *const c_char {
    // SAFETY: exactly the caller's promise.
    unsafe { buf.as_ref() }.map_or(std::ptr::null(), |buf| buf.with_nul().as_ptr().cast())
}

/// The number of bytes, without the closing NUL. 0 for NULL.
///
/// # Safety
///
/// `buf` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_buf_len(buf: *const k8sboot_buf_t) -> usize {
    // SAFETY: exactly the caller's promise.
    unsafe { buf.as_ref() }.map_or(0, |buf| buf.with_nul().len().saturating_sub(1))
}

/// Frees a buffer. NULL is allowed.
///
/// # Safety
///
/// `buf` is NULL or came from this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_buf_free(buf: *mut k8sboot_buf_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(buf) });
}

/// A buffer for the caller.
pub(crate) fn plain(text: impl Into<Vec<u8>>) -> *mut k8sboot_buf_t {
    let mut bytes = text.into();
    bytes.push(0);
    Box::into_raw(Box::new(k8sboot_buf_t(Content::Plain(bytes))))
}

/// A buffer for the caller that is wiped when it is freed.
pub(crate) fn secret(secret: &SecretBytes) -> *mut k8sboot_buf_t {
    secret_text(secret.expose())
}

/// As [`secret`], for what the core hands out borrowed.
pub(crate) fn secret_text(secret: impl AsRef<[u8]>) -> *mut k8sboot_buf_t {
    let secret = secret.as_ref();
    // Room for the NUL from the start: growing would leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(secret.len().saturating_add(1)));
    bytes.extend_from_slice(secret);
    bytes.push(0);
    Box::into_raw(Box::new(k8sboot_buf_t(Content::Secret(bytes))))
}

/// Text from the caller.
///
/// # Safety
///
/// `text` is NULL or a NUL-terminated string that lives and does not change for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char, argument: &'static str) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::null(argument));
    }
    // SAFETY: not NULL, so a live string.
    let bytes = unsafe { CStr::from_ptr(text) };
    bytes.to_str().map_err(|error| Failure::utf8(argument, error.valid_up_to()))
}

/// Text from the caller that may be missing.
///
/// # Safety
///
/// As [`text`].
pub(crate) unsafe fn optional_text<'a>(
    from: *const c_char,
    argument: &'static str,
) -> Result<Option<&'a str>, Failure> {
    if from.is_null() {
        return Ok(None);
    }
    // SAFETY: exactly the caller's promise.
    unsafe { text(from, argument) }.map(Some)
}

/// A list of texts from the caller; `NULL, 0` is empty.
///
/// # Safety
///
/// `list` is NULL or points to `len` readable pointers, each as for [`text`].
pub(crate) unsafe fn texts<'a>(
    list: *const *const c_char,
    len: usize,
    argument: &'static str,
) -> Result<Vec<&'a str>, Failure> {
    // SAFETY: exactly the caller's promise.
    unsafe { elements(list, len, argument) }?
        .iter()
        // SAFETY: each is a string, as the caller promises.
        .map(|item| unsafe { text(*item, argument) })
        .collect()
}

/// Bytes from the caller; `NULL, 0` is empty.
///
/// # Safety
///
/// `data` is NULL or points to `len` readable bytes that live and do not change for `'a`.
pub(crate) unsafe fn bytes<'a>(
    data: *const u8,
    len: usize,
    argument: &'static str,
) -> Result<&'a [u8], Failure> {
    // SAFETY: exactly the caller's promise.
    unsafe { elements(data, len, argument) }
}

/// An array from the caller; `NULL, 0` is empty.
///
/// # Safety
///
/// `data` is NULL or points to `len` readable elements that live and do not change for `'a`.
pub(crate) unsafe fn elements<'a, T>(
    data: *const T,
    len: usize,
    argument: &'static str,
) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Failure::null(argument));
    }
    if len > isize::MAX.unsigned_abs() / size_of::<T>().max(1) {
        return Err(Failure::misuse(
            argument,
            &format!("expected a length that memory can have, found {len}"),
        ));
    }
    // SAFETY: not NULL, so `len` readable elements, of no more bytes than `isize` holds.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

/// Text as C has it: a NUL inside is replaced by U+FFFD, so that nothing after it is lost.
pub(crate) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{K8SBOOT_E_MISUSE, K8SBOOT_E_NULL, K8SBOOT_E_UTF8};

    #[test]
    fn a_buffer_counts_its_bytes_and_closes_with_a_nul() {
        for buf in [plain("a\0b"), secret(&SecretBytes::new(b"a\0b".to_vec()))] {
            // SAFETY: a live buffer of three bytes and a NUL, freed once.
            unsafe {
                assert_eq!(k8sboot_buf_len(buf), 3);
                assert_eq!(slice::from_raw_parts(k8sboot_buf_data(buf).cast::<u8>(), 4), b"a\0b\0");
                k8sboot_buf_free(buf);
            }
        }
    }

    #[test]
    fn a_secret_buffer_is_written_once_and_never_grows() {
        let buf = secret_text([7; 1000]);
        // SAFETY: a live buffer, taken back once.
        let content = unsafe { Box::from_raw(buf) };
        let Content::Secret(bytes) = &content.0 else { panic!("not secret") };
        assert_eq!((bytes.len(), bytes.capacity()), (1001, 1001));
    }

    #[test]
    fn refuses_what_is_not_text_and_says_where() {
        // SAFETY: NULL or live strings.
        unsafe {
            assert_eq!(text(std::ptr::null(), "a").unwrap_err().code(), K8SBOOT_E_NULL);
            let failure = text(c"ab\xff".as_ptr(), "a").unwrap_err();
            assert_eq!(failure.code(), K8SBOOT_E_UTF8);
            assert!(format!("{failure:?}").contains("at byte 2"));
            assert_eq!(optional_text(std::ptr::null(), "a").unwrap(), None);
        }
    }

    #[test]
    fn bytes_are_empty_missing_or_impossible() {
        // SAFETY: NULL or a live slice; the impossible length is refused before it is used.
        unsafe {
            assert_eq!(bytes(std::ptr::null(), 0, "a").unwrap(), b"");
            assert_eq!(bytes(b"ab".as_ptr(), 2, "a").unwrap(), b"ab");
            assert_eq!(bytes(std::ptr::null(), 1, "a").unwrap_err().code(), K8SBOOT_E_NULL);
            assert_eq!(bytes(b"ab".as_ptr(), usize::MAX, "a").unwrap_err().code(), K8SBOOT_E_MISUSE);
        }
    }
}
