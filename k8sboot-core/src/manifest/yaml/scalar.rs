//! How a string may be written: what its characters allow.

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes.
    Plain,
    /// In `'`.
    Single,
    /// In `"`, with escapes.
    Double,
    /// `|`, line by line.
    Literal,
}

/// What the characters of a text allow in block context.
///
/// Source: libyaml's `yaml_emitter_analyze_scalar`, as ported to go-yaml v2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Analysis {
    /// Contains a line break of any kind: such a text is no simple key.
    pub(super) multiline: bool,
    plain: bool,
    single: bool,
    literal: bool,
}

impl Analysis {
    /// Looks at every character of a text.
    pub(super) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { multiline: false, plain: true, single: true, literal: false };
        }
        let (mut breaks, mut special, mut indicators) = (false, false, false);
        let (mut break_then_space, mut space_then_break) = (false, false);
        let mut before = None;
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            let blank_after = characters.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
            indicators |= match before {
                None => starts_syntax(c, blank_after),
                Some(b) => (c == ':' && blank_after) || (c == '#' && is_white(b)),
            };
            special |= !is_printable(c);
            breaks |= is_break(c);
            break_then_space |= c == ' ' && before.is_some_and(is_break);
            space_then_break |= is_break(c) && before == Some(' ');
            before = Some(c);
        }
        let edge = |c: Option<char>| c.is_some_and(|c| c == ' ' || is_break(c));
        let padded = edge(text.chars().next()) || edge(before);
        let marker = text.starts_with("---") || text.starts_with("...");
        let writable = !special && !space_then_break;
        Self {
            multiline: breaks,
            plain: writable && !(padded || break_then_space || breaks || indicators || marker),
            single: writable && !break_then_space,
            literal: writable && before != Some(' '),
        }
    }

    /// The style nearest to the wanted one that the characters allow.
    ///
    /// `key` tells that the text is a key before a colon on the same line.
    pub(super) const fn style(self, wanted: Style, key: bool) -> Style {
        match wanted {
            Style::Plain if self.plain => Style::Plain,
            Style::Plain | Style::Single if self.single => Style::Single,
            Style::Literal if self.literal && !key => Style::Literal,
            _ => Style::Double,
        }
    }
}

/// Characters with a meaning at the start of a plain text.
fn starts_syntax(c: char, blank_after: bool) -> bool {
    match c {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
            true
        }
        '?' | ':' | '-' => blank_after,
        _ => false,
    }
}

/// The line breaks of YAML 1.1.
pub(super) const fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

const fn is_white(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\0') || is_break(c)
}

/// Printable for libyaml: without tab, carriage return, byte order mark and everything beyond the basic plane.
pub(super) const fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_characters_decide() {
        use Style::{Double, Literal, Plain, Single};
        for (text, plain, literal) in [
            ("a b", Plain, Literal),
            ("", Plain, Double),
            ("a: b", Single, Literal),
            ("a:b", Plain, Literal),
            ("a:", Single, Literal),
            ("a #b", Single, Literal),
            ("a#b", Plain, Literal),
            ("- a", Single, Literal),
            ("-a", Plain, Literal),
            ("*a", Single, Literal),
            ("---a", Single, Literal),
            (" a", Single, Literal),
            ("a ", Single, Double),
            ("a\tb", Double, Double),
            ("a\n b", Double, Literal),
            ("a \nb", Double, Double),
            ("a\r\n", Double, Double),
            ("ü", Plain, Literal),
            ("\u{1f600}", Double, Double),
            ("\u{feff}", Double, Double),
            ("a\u{2028}b", Single, Literal),
        ] {
            let analysis = Analysis::of(text);
            assert_eq!(
                (analysis.style(Plain, false), analysis.style(Literal, false)),
                (plain, literal),
                "{text:?}"
            );
        }
        assert_eq!(Analysis::of("a\nb").style(Literal, true), Double);
    }
}
