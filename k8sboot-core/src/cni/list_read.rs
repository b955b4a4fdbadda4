//! Reading network configurations as the reference library does.
//!
//! It reads the members of a list by their exact names and those of a plugin whatever their case.

use super::{
    environment::prove_network_name,
    error::{CniError, cut},
    go_json::{Fields, same_key},
    json::Json,
    list::{NetworkList, PluginConf},
    result::Dns,
    version::{Version, at_least, version_numbers},
};

impl NetworkList {
    /// Reads a configuration list and proves it.
    ///
    /// # Errors
    ///
    /// [`CniError::Json`] with line and column; [`CniError::Field`] with the path of the field; [`CniError::Version`] if
    /// neither `cniVersion` nor `cniVersions` has a known version.
    pub fn parse(bytes: &[u8]) -> Result<Self, CniError> {
        Self::parse_with_folder(bytes, &[])
    }

    /// As [`parse`](Self::parse), with the files of the network's own folder, `<directory>/<name>/*.conf`, in the order of
    /// their names. They are left alone if `loadOnlyInlinedPlugins` is set.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse); [`CniError::InFile`] for a file of the folder.
    pub fn parse_with_folder(bytes: &[u8], folder: &[(&str, &[u8])]) -> Result<Self, CniError> {
        let list = Self::load(bytes, folder)?;
        list.prove()?;
        Ok(list)
    }

    /// Reads the configuration of a single plugin and makes a list of one of it.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn parse_conf(bytes: &[u8]) -> Result<Self, CniError> {
        let list = Self::load_conf(bytes)?;
        list.prove()?;
        Ok(list)
    }

    /// The name of the folder beside the file that holds more plugins of the network; `None` if none is looked at.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse); a name that is no network name must not be used as a path.
    pub fn folder(bytes: &[u8]) -> Result<Option<String>, CniError> {
        let document = Json::parse(bytes)?;
        let list = members(&document)?;
        if list.truth("loadOnlyInlinedPlugins")? {
            return Ok(None);
        }
        let name = list.name()?;
        prove_name(name)?;
        Ok(Some(name.to_owned()))
    }

    /// What the reference library takes: neither the name nor the version need be usable.
    pub(super) fn load(bytes: &[u8], folder: &[(&str, &[u8])]) -> Result<Self, CniError> {
        let document = Json::parse(bytes)?;
        let list = members(&document)?;
        let mut read = Self {
            name: list.name()?.to_owned(),
            version: list.version()?,
            disable_check: list.truth("disableCheck")?,
            disable_gc: list.truth("disableGC")?,
            only_inlined: list.truth("loadOnlyInlinedPlugins")?,
            plugins: list.plugins()?,
            document: Json::Null,
        };
        if !read.only_inlined {
            for (file, bytes) in folder {
                let file = format!("{}/{file}", read.name);
                let plugin = Json::parse(bytes).and_then(|object| plugin(&object, ""));
                let mut plugin = plugin
                    .map_err(|source| CniError::InFile { file: file.clone(), source: Box::new(source) })?;
                plugin.from = Some(file);
                read.plugins.push(plugin);
            }
        }
        if read.plugins.is_empty() {
            let expected = if read.only_inlined {
                "at least one plugin".to_owned()
            } else {
                format!("at least one plugin, here or in {}/*.conf beside the file", read.name)
            };
            return Err(CniError::Field { field: "plugins".to_owned(), expected, found: "none".to_owned() });
        }
        read.document = document;
        Ok(read)
    }

    pub(super) fn load_conf(bytes: &[u8]) -> Result<Self, CniError> {
        let object = Json::parse(bytes)?;
        if let (None, Some(_)) = (member(&object, "type"), member(&object, "plugins")) {
            return Err(CniError::Field {
                field: "type".to_owned(),
                expected: "the name of a plugin".to_owned(),
                found: "a list of plugins: name the file *.conflist".to_owned(),
            });
        }
        let plugin = plugin(&object, "")?;
        let version = object.fields()?.text("cniVersion")?.unwrap_or_default().to_owned();
        let document = Json::Object(vec![
            ("cniVersion".to_owned(), Json::text(&version)),
            ("name".to_owned(), Json::text(&plugin.name)),
            ("plugins".to_owned(), Json::List(vec![object])),
        ]);
        Ok(Self {
            name: plugin.name.clone(),
            version,
            disable_check: false,
            disable_gc: false,
            only_inlined: true,
            plugins: vec![plugin],
            document,
        })
    }

    /// What must hold before a plugin can be run.
    pub(super) fn prove(&self) -> Result<(), CniError> {
        prove_name(&self.name)?;
        self.version().map(|_| ())
    }
}

fn prove_name(name: &str) -> Result<(), CniError> {
    prove_network_name(name).map_err(|_| CniError::Field {
        field: "name".to_owned(),
        expected: "letters, digits, '_', '.' and '-', beginning with a letter or digit".to_owned(),
        found: if name.is_empty() { "nothing".to_owned() } else { format!("{:?}", cut(name)) },
    })
}

/// The members of a list, by their exact names.
struct Members<'a>(&'a Json);

fn members(document: &Json) -> Result<Members<'_>, CniError> {
    match document {
        Json::Object(_) => Ok(Members(document)),
        json => Err(field("", "a configuration list object", json.describe())),
    }
}

fn field(field: &str, expected: &str, found: String) -> CniError {
    CniError::Field { field: field.to_owned(), expected: expected.to_owned(), found }
}

impl<'a> Members<'a> {
    fn name(&self) -> Result<&'a str, CniError> {
        match self.get("name") {
            Some(Json::Text(name)) => Ok(name),
            Some(json) => Err(field("name", "a text", json.describe())),
            None => Err(field("name", "the name of the network", self.nearly("name"))),
        }
    }

    /// The highest known of `cniVersions` and `cniVersion`. If none is known, what the reference library would send.
    fn version(&self) -> Result<String, CniError> {
        let own = match self.get("cniVersion") {
            None => "",
            Some(Json::Text(version)) => version,
            Some(json) => return Err(field("cniVersion", "a text", json.describe())),
        };
        let listed = match self.get("cniVersions") {
            None => return Ok(own.to_owned()),
            Some(Json::List(listed)) => listed,
            Some(json) => return Err(field("cniVersions", "a list of texts", json.describe())),
        };
        let mut candidates = Vec::new();
        for (index, json) in listed.iter().enumerate() {
            let path = format!("cniVersions[{index}]");
            let Json::Text(version) = json else { return Err(field(&path, "a text", json.describe())) };
            version_numbers(version)
                .map_err(|_| field(&path, "up to three numbers with dots between", json.describe()))?;
            candidates.push(version.as_str());
        }
        if !own.is_empty() {
            candidates.push(own);
        }
        let known = candidates.iter().filter_map(|version| Version::parse(version).ok()).max();
        if let Some(known) = known {
            return Ok(known.as_str().to_owned());
        }
        let low = |version: &&str| !at_least(version, Version::LATEST).unwrap_or(true);
        let best = candidates.into_iter().filter(low).max_by_key(|version| version_numbers(version).ok());
        Ok(best.unwrap_or(own).to_owned())
    }

    fn truth(&self, key: &str) -> Result<bool, CniError> {
        match self.get(key) {
            None => Ok(false),
            Some(Json::Bool(value)) => Ok(*value),
            Some(Json::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Json::Text(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(json) => Err(field(key, "true or false", json.describe())),
        }
    }

    fn plugins(&self) -> Result<Vec<PluginConf>, CniError> {
        match self.get("plugins") {
            None if self.truth("loadOnlyInlinedPlugins")? => Err(field(
                "plugins",
                "a list of plugins, because loadOnlyInlinedPlugins is set",
                self.nearly("plugins"),
            )),
            None if self.get("type").is_some() => {
                Err(field("plugins", "a list of plugins", "a single plugin: name the file *.conf".to_owned()))
            }
            None => Ok(Vec::new()),
            Some(Json::List(items)) if items.is_empty() => {
                Err(field("plugins", "at least one plugin", "an empty list".to_owned()))
            }
            Some(Json::List(items)) => {
                let one = |(index, item): (usize, &Json)| plugin(item, &format!("plugins[{index}]"));
                items.iter().enumerate().map(one).collect()
            }
            Some(json) => Err(field("plugins", "a list of plugins", json.describe())),
        }
    }

    fn get(&self, key: &str) -> Option<&'a Json> {
        self.0.get(key)
    }

    /// What is there instead of a key: another spelling, which counts for nothing here.
    fn nearly(&self, key: &str) -> String {
        let Json::Object(members) = self.0 else { return "nothing".to_owned() };
        let near = members.iter().map(|(name, _)| name).find(|name| same_key(name, key));
        near.map_or_else(|| "nothing".to_owned(), |name| format!("{name:?}: write it as {key:?}"))
    }
}

/// A member, whatever the case of its name.
fn member<'a>(object: &'a Json, key: &str) -> Option<&'a Json> {
    let Json::Object(members) = object else { return None };
    members.iter().find(|(name, _)| same_key(name, key)).map(|(_, value)| value)
}

/// One plugin; what the reference library decodes must have the right type.
fn plugin(object: &Json, path: &str) -> Result<PluginConf, CniError> {
    if !matches!(object, Json::Object(_)) {
        return Err(field(path, "a plugin object", object.describe()));
    }
    let fields = object.fields().map_err(|error| below(path, error))?;
    read_plugin(&fields, object).map_err(|error| below(path, error))
}

fn read_plugin(fields: &Fields<'_>, object: &Json) -> Result<PluginConf, CniError> {
    let text = |key: &str| Ok::<_, CniError>(fields.text(key)?.unwrap_or_default());
    let kind = program(fields, "type", fields.required("type")?)?;
    text("cniVersion")?;
    let mut capabilities: Vec<(String, bool)> = Vec::new();
    if let Some(declared) = fields.object("capabilities")? {
        for (key, json) in declared.members() {
            let value = match json {
                Json::Bool(value) => *value,
                Json::Null => false,
                json => return Err(declared.wrong(key, "true or false", json.describe())),
            };
            capabilities.retain(|(name, _)| name != key);
            capabilities.push((key.to_owned(), value));
        }
    }
    let ipam = match fields.object("ipam")? {
        Some(ipam) => program(&ipam, "type", ipam.text("type")?.unwrap_or_default())?,
        None => String::new(),
    };
    if let Some(dns) = fields.object("dns")? {
        Dns::read(&dns)?;
    }
    fields.object("prevResult")?;
    Ok(PluginConf {
        kind,
        name: text("name")?.to_owned(),
        capabilities,
        ipam,
        object: object.clone(),
        from: None,
    })
}

/// The name of a program, which is looked for in directories and so must not lead out of them.
fn program(fields: &Fields<'_>, key: &str, name: &str) -> Result<String, CniError> {
    if name.contains(['/', '\0']) || matches!(name, "." | "..") {
        return Err(fields.wrong(key, "the name of a plugin without '/'", format!("{:?}", cut(name))));
    }
    Ok(name.to_owned())
}

/// The error of a field inside of something.
fn below(path: &str, error: CniError) -> CniError {
    match error {
        CniError::Field { field, expected, found } if !path.is_empty() => {
            CniError::Field { field: format!("{path}.{field}"), expected, found }
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cni::Layout;

    fn refused(text: &str) -> String {
        NetworkList::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, want) in [
            ("[]", "the document: expected a configuration list object, found a list"),
            (r#"{"plugins":[{"type":"a"}]}"#, "name: expected the name of the network, found nothing"),
            (r#"{"Name":"n","plugins":[{"type":"a"}]}"#, "found \"Name\": write it as \"name\""),
            (r#"{"name":5,"plugins":[{"type":"a"}]}"#, "name: expected a text, found the number 5"),
            (r#"{"name":"a b","plugins":[{"type":"a"}]}"#, "name: expected letters, digits"),
            (r#"{"name":"n","type":"bridge"}"#, "found a single plugin: name the file *.conf"),
            (
                r#"{"name":"n"}"#,
                "plugins: expected at least one plugin, here or in n/*.conf beside the file, found none",
            ),
            (r#"{"name":"n","plugins":[]}"#, "plugins: expected at least one plugin, found an empty list"),
            (r#"{"name":"n","plugins":{}}"#, "plugins: expected a list of plugins, found an object"),
            (r#"{"name":"n","plugins":[{}]}"#, "plugins[0].type: expected a text, found nothing"),
            (r#"{"name":"n","plugins":["a"]}"#, "plugins[0]: expected a plugin object, found \"a\""),
            (
                r#"{"name":"n","plugins":[{"type":"a"},{"type":"../b"}]}"#,
                "plugins[1].type: expected the name of a plugin",
            ),
            (
                r#"{"name":"n","plugins":[{"type":"a","ipam":"dhcp"}]}"#,
                "plugins[0].ipam: expected an object, found \"dhcp\"",
            ),
            (
                r#"{"name":"n","plugins":[{"type":"a","capabilities":{"ips":"yes"}}]}"#,
                "plugins[0].capabilities.ips: expected true or false",
            ),
            (
                r#"{"name":"n","disableGC":"yes","plugins":[{"type":"a"}]}"#,
                "disableGC: expected true or false, found \"yes\"",
            ),
            (
                r#"{"name":"n","cniVersion":"0.5.0","plugins":[{"type":"a"}]}"#,
                "cniVersion: expected 0.1.0, 0.2.0",
            ),
            (
                r#"{"name":"n","cniVersions":["x"],"plugins":[{"type":"a"}]}"#,
                "cniVersions[0]: expected up to three numbers",
            ),
            (r#"{"name":"n","loadOnlyInlinedPlugins":true}"#, "because loadOnlyInlinedPlugins is set"),
            (
                "{\"name\":\"n\",\n\"plugins\":[{\"type\":\"a\"},]}",
                "line 2, column 25: expected a JSON value, found ']'",
            ),
        ] {
            let got = refused(text);
            assert!(got.contains(want), "{text}: {got}");
        }
    }

    #[test]
    fn the_highest_known_version_wins() {
        for (versions, want) in [
            (r#""cniVersions":["0.4.0","1.0.0","1.1.0","1.2.0"]"#, "1.1.0"),
            (r#""cniVersion":"1.0.0","cniVersions":["0.3.1"]"#, "1.0.0"),
            (r#""cniVersion":"2.0.0","cniVersions":["0.3.1"]"#, "0.3.1"),
            (r#""cniVersion":"0.4.0","cniVersions":[]"#, "0.4.0"),
            (r#""cniVersions":["1.0.5","1.0.0"]"#, "1.0.0"),
            (r#""cniVersion":"""#, "0.1.0"),
        ] {
            let text = format!(r#"{{"name":"n",{versions},"plugins":[{{"type":"a"}}]}}"#);
            assert_eq!(
                NetworkList::parse(text.as_bytes()).unwrap().version().unwrap().as_str(),
                want,
                "{text}"
            );
        }
    }

    #[test]
    fn truth_values_may_be_texts() {
        let text = r#"{"name":"n","disableCheck":"TRUE","disableGC":true,"loadOnlyInlinedPlugins":"false","plugins":[{"type":"a"}]}"#;
        let list = NetworkList::parse(text.as_bytes()).unwrap();
        assert!(list.disable_check() && list.disable_gc() && !list.load_only_inlined_plugins());
    }

    #[test]
    fn unknown_members_are_kept_in_order() {
        let text = r#"{"z":1.50,"name":"n","cniVersion":"1.0.0","a":[{}],"plugins":[{"TYPE":"a","z":null,"b":1e3}]}"#;
        let list = NetworkList::parse(text.as_bytes()).unwrap();
        assert_eq!(list.render(Layout::Compact), text);
        let again = NetworkList::parse(list.render(Layout::Indented).as_bytes());
        assert_eq!(again, Ok(list));
    }

    #[test]
    fn a_single_plugin_becomes_a_list_of_one() {
        let conf =
            br#"{"name":"cbr0","cniVersion":"0.2.0","type":"flannel","delegate":{"isDefaultGateway":true}}"#;
        let list = NetworkList::parse_conf(conf).unwrap();
        assert_eq!((list.name(), list.binaries()), ("cbr0", vec!["flannel"]));
        let again = NetworkList::parse(list.render(Layout::Compact).as_bytes()).unwrap();
        assert_eq!((again.plugins(), again.name()), (list.plugins(), "cbr0"));
        let error = NetworkList::parse_conf(br#"{"name":"n","plugins":[]}"#).unwrap_err();
        assert!(error.to_string().contains("name the file *.conflist"), "{error}");
    }

    #[test]
    fn plugins_of_the_folder_follow() {
        let list = br#"{"name":"n","cniVersion":"1.1.0","plugins":[{"type":"a"}]}"#;
        let files: [(&str, &[u8]); 2] = [("10.conf", br#"{"type":"b"}"#), ("20.conf", br#"{"type":"c"}"#)];
        let read = NetworkList::parse_with_folder(list, &files).unwrap();
        assert_eq!(read.binaries(), ["a", "b", "c"]);
        assert_eq!(read.plugins()[2].from(), Some("n/20.conf"));
        let inlined = NetworkList::parse(read.render(Layout::Compact).as_bytes()).unwrap();
        assert_eq!(inlined.binaries(), ["a", "b", "c"]);
        assert_eq!(NetworkList::folder(list), Ok(Some("n".to_owned())));
        let without = br#"{"name":"n","plugins":[{"type":"a"}],"loadOnlyInlinedPlugins":true}"#;
        assert_eq!(NetworkList::folder(without), Ok(None));
        assert_eq!(NetworkList::parse_with_folder(without, &files).unwrap().binaries(), ["a"]);
        assert!(NetworkList::folder(br#"{"name":"../n"}"#).is_err());
        let error = NetworkList::parse_with_folder(list, &[("10.conf", b"{}")]).unwrap_err();
        assert_eq!(crate::error::chain(&error), "cni: n/10.conf: cni: type: expected a text, found nothing");
    }
}
