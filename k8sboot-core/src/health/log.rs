//! Lines of logs that tell why something does not run.

/// The message of the last line of a container's log: the time, stream and tag that the runtime puts before it are taken
/// off, colours and control characters too.
///
/// Source: Kubernetes CRI, "log format": `TIME STREAM TAG MESSAGE`.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::health::last_message;
/// let log = "2026-11-23T03:07:02.1Z stderr F first\n2026-11-23T03:07:02.2Z stderr F Error: bind: address in use\n";
/// assert_eq!(last_message(log), "Error: bind: address in use");
/// ```
#[must_use]
pub fn last_message(tail: &str) -> String {
    messages(tail).last().unwrap_or_default()
}

/// The message that explains most: the last one with an error's mark, else the last one.
#[must_use]
pub fn telling_line(tail: &str) -> String {
    let marked = |message: &String| {
        let klog = message.starts_with('F') || message.starts_with('E');
        let numbered = message.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
        (klog && numbered)
            || ["rror", "fatal", "panic", "failed"].iter().any(|mark| message.contains(mark))
                && !message.starts_with("W")
    };
    messages(tail).filter(marked).last().unwrap_or_else(|| last_message(tail))
}

/// The last line of any log that has one of the marks, shortened.
pub(super) fn line_with(tail: &str, marks: &[&str]) -> Option<String> {
    tail.lines().rev().find(|line| marks.iter().any(|mark| line.contains(mark))).map(clean)
}

fn messages(tail: &str) -> impl Iterator<Item = String> + '_ {
    tail.lines().map(message).map(clean).filter(|message| !message.is_empty())
}

fn message(line: &str) -> &str {
    let mut parts = line.splitn(4, ' ');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(time), Some("stdout" | "stderr"), Some("F" | "P"), Some(message))
            if time.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            message
        }
        _ => line,
    }
}

fn clean(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(300).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_found_among_what_follows_it() {
        let tail = "2026-11-23T03:07:02Z stderr F E1123 03:07:02.1 1 run.go:72] \"command failed\" err=\"listen tcp: bind\"\n\
                    2026-11-23T03:07:02Z stderr F I1123 03:07:02.2 1 x.go:1] bye\n";
        assert!(telling_line(tail).contains("listen tcp: bind"));
        assert!(last_message(tail).ends_with("bye"));
        assert_eq!(last_message(""), "");
        assert_eq!(telling_line("plain words\n"), "plain words");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(last_message("\u{1b}[31mred\u{1b}[0m\n"), "[31mred[0m");
        assert_eq!(last_message(&"x".repeat(1000)).len(), 300);
    }
}
