//! Tokens, pins and the small values: what parses prints as itself, and nothing else parses.
#![no_main]

use std::{fmt::Display, str::FromStr};

use k8sboot_core::{
    cidr::Cidr,
    time::{GoDuration, Timestamp},
    token::{BootstrapToken, CaPin, TokenId},
    version::Version,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    bootstrap_token(text);
    if let Ok(pin) = text.parse::<CaPin>() {
        assert!(pin.to_string().eq_ignore_ascii_case(text.trim()), "{pin}");
    }
    print_and_parse::<CaPin>(text);
    print_and_parse::<TokenId>(text);
    print_and_parse::<Cidr>(text);
    print_and_parse::<Version>(text);
    print_and_parse::<GoDuration>(text);
    print_and_parse::<Timestamp>(text);
});

/// Exactly `[a-z0-9]{6}\.[a-z0-9]{16}` is a token; an error tells of the shape alone, never of the secret half.
fn bootstrap_token(text: &str) {
    let is_token = text.len() == 23
        && text.bytes().enumerate().all(|(at, byte)| match at {
            6 => byte == b'.',
            _ => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
        });
    match text.parse::<BootstrapToken>() {
        Ok(token) => {
            assert!(is_token, "{text:?} is no token");
            assert_eq!(token.expose(), text);
            assert_eq!(token.id().as_str(), &text[..6]);
            assert!(!format!("{token:?}").contains(&text[7..]));
        }
        Err(error) => {
            assert!(!is_token, "{text:?} is a token");
            let other = others(text).parse::<BootstrapToken>().expect_err("the same shape");
            assert_eq!(format!("{error} {error:?}"), format!("{other} {other:?}"));
        }
    }
}

/// Another text of the same shape: every character that a token may have is replaced by another such.
fn others(text: &str) -> String {
    let other = |c| match c {
        'a'..='y' | '0'..='8' => char::from_u32(c as u32 + 1).unwrap_or(c),
        'z' => '0',
        '9' => 'a',
        _ => c,
    };
    text.chars().map(other).collect()
}

fn print_and_parse<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        assert_eq!(printed.parse::<T>().ok().as_ref(), Some(&value), "{text:?} as {printed:?}");
    }
}
