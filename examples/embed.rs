//! The example of README.md: init on a directory tree from within a program.
//!
//! `cargo run --example embed -- CONFIG.yaml`

use std::{env, error::Error, fs, time::SystemTime};

#[allow(clippy::print_stdout, reason = "a program for the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(env::args().nth(1).ok_or("usage: embed CONFIG.yaml")?)?;

    use k8sboot_core::{blocking::wait, config::Documents, exec, exec::Tree, flow, probe};
    use k8sboot_core::{entropy::System, token::BootstrapToken};

    let tree = Tree::create("demo-node")?;
    let token = BootstrapToken::generate(&System)?; // serves if the configuration has none
    let config = Documents::parse(&text)?.into_init(&probe::node_facts(Some(&tree)), Some(token))?;
    let upto = flow::Selection::default().until("kubelet")?;
    let flow = flow::init(config, flow::InitOptions::at(SystemTime::now().into())).select(upto)?;
    let mut host = exec::Host::new(tree.clone());
    let report = wait(flow.run(&mut probe::Host::new(tree), &mut host, &exec::Run::default()))?;
    println!("{} steps changed something", report.changed());
    Ok(())
}
