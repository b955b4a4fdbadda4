//! Configurations: read, proven, migrated, and what it costs to say everything that is wrong.

use std::process::ExitCode;

use k8sboot_benches::{Bench, inputs};
use k8sboot_core::{
    config::{DefaultsKind, Documents, migrate, print_defaults},
    facts::NodeFacts,
    pki::KeyAlgorithm,
};

fn main() -> ExitCode {
    Bench::new("config").run(|b| {
        let host = NodeFacts::named("master-1");
        let seed = inputs::seed_text(KeyAlgorithm::Rsa2048);
        // Every list and map of the case with several control planes has its name misspelt.
        let broken = inputs::HA_TEXT.replace(":\n", "x:\n");
        for (name, text) in [("seed", seed.as_str()), ("ha", inputs::HA_TEXT)] {
            let documents = Documents::parse(text)?;
            b.case(format!("parse/{name}")).units(1.0, "texts").run(|| Ok(Documents::parse(text)?));
            b.case(format!("prove/{name}")).run(|| Ok(documents.clone().into_init(&host, None)?));
            b.case(format!("migrate/{name}")).run(|| Ok(migrate(text, &host, None)?));
        }
        b.case("parse/a mistake in every list").run(|| match Documents::parse(&broken) {
            Err(errors) => Ok(errors.to_string()),
            Ok(_) => Err("expected mistakes, found none".into()),
        });
        b.case("defaults/init").run(|| Ok(print_defaults(DefaultsKind::Init)));
        Ok(())
    })
}
