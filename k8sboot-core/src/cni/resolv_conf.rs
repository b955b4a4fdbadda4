//! DNS settings from the text of a resolver's file.

use super::Dns;

impl Dns {
    /// Reads `nameserver`, `domain`, `search` and `options` lines; everything else is ignored, nothing is validated.
    ///
    /// Blank lines, lines that begin with `#` or `;` and lines of one word are skipped; the last `domain` wins, the others
    /// add up.
    ///
    /// Source: host-local, `resolvConf`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::cni::Dns;
    /// let dns = Dns::from_resolv_conf("nameserver 192.0.2.3\nsearch a.test b.test\n# nameserver 192.0.2.4\n");
    /// assert_eq!((dns.nameservers.len(), dns.search.len()), (1, 2));
    /// ```
    #[must_use]
    pub fn from_resolv_conf(text: &str) -> Self {
        let mut dns = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace().map(str::to_owned);
            let (Some(keyword), Some(first)) = (words.next(), words.next()) else { continue };
            let all = std::iter::once(first.clone()).chain(words);
            match keyword.as_str() {
                "nameserver" => dns.nameservers.push(first),
                "domain" => dns.domain = first,
                "search" => dns.search.extend(all),
                "options" => dns.options.extend(all),
                _ => {}
            }
        }
        dns
    }
}
