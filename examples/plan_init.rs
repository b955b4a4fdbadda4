//! What `init` would do on a directory tree, and how its files would differ: nothing is written.
//!
//! `cargo run --example plan_init -- CONFIG.yaml ROOT`

use std::{env, error::Error, fs, time::SystemTime};

use k8sboot_core::{
    blocking::wait,
    config::Documents,
    entropy::System,
    exec::Tree,
    flow::{self, InitOptions, Selection},
    probe,
    token::BootstrapToken,
};

#[allow(clippy::print_stdout, reason = "a program for the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(config), Some(root)) = (arguments.next(), arguments.next()) else {
        return Err("usage: plan_init CONFIG.yaml ROOT".into());
    };
    let tree = Tree::open(root)?;
    // The token serves only if the configuration has none.
    let token = BootstrapToken::generate(&System)?;
    let config = Documents::parse(&fs::read_to_string(config)?)?
        .into_init(&probe::node_facts(Some(&tree)), Some(token))?;
    let options = InitOptions::at(SystemTime::now().into());
    let mut flow = flow::init(config, options).select(Selection::default().until("kubelet")?)?;
    let mut probe = probe::Host::new(tree);
    while let Some(plan) = wait(flow.next_plan(&mut probe))? {
        println!("{}", plan.to_text());
        println!("{}", plan.diff(flow.facts()).to_text());
    }
    Ok(())
}
