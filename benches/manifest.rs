//! Static pods, kubelet files, API objects, patches, and YAML itself.

use std::process::ExitCode;

use k8sboot_benches::{Bench, inputs, ms};
use k8sboot_core::{
    manifest::{
        PatchSet, RenderOptions,
        cluster::{self, ObjectInputs},
        images, kubelet, static_pods,
        yaml::{parse_all, to_yaml},
    },
    pki::KeyAlgorithm,
};

const PATCH: &[u8] =
    b"spec:\n  containers:\n  - name: kube-apiserver\n    resources: {requests: {cpu: 500m, memory: 1Gi}}\n";

fn main() -> ExitCode {
    Bench::new("manifest").run(|b| {
        let none = PatchSet::none();
        for (name, text) in
            [("seed", inputs::seed_text(KeyAlgorithm::EcdsaP256)), ("ha", inputs::HA_TEXT.into())]
        {
            let config = inputs::read(&text)?;
            let inputs = ObjectInputs::new("CA\n", inputs::now());
            b.case(format!("all as YAML/{name}"))
                .at_most(ms(1))
                .run(|| inputs::whole_manifests(&config, "CA\n"));
            b.case(format!("static pods/{name}"))
                .run(|| Ok(static_pods(&config, &RenderOptions::default())?));
            b.case(format!("kubelet files/{name}"))
                .run(|| Ok((kubelet::node_config_yaml(&config, &none)?, kubelet::flags_env(&config))));
            b.case(format!("API objects/{name}")).run(|| Ok(cluster::objects(&config, &inputs)?));
            b.case(format!("images/{name}")).run(|| Ok(images(&config)));
        }

        let config = inputs::seed(KeyAlgorithm::EcdsaP256)?;
        let pods = static_pods(&config, &RenderOptions::default())?;
        let pod = pods.into_iter().find(|pod| pod.component == "kube-apiserver").ok_or("no API server")?;
        let pod = pod.object.into_value();
        let yaml = to_yaml(&pod);
        for kind in ["strategic", "merge"] {
            let file = (format!("kube-apiserver+{kind}.yaml"), PATCH.to_vec());
            let patches = PatchSet::from_files([file])?;
            b.case(format!("patch/{kind}")).run(|| {
                let mut patched = pod.clone();
                patches.apply("kube-apiserver", &mut patched)?;
                Ok(patched)
            });
        }
        b.case("yaml/print kube-apiserver").run(|| Ok(to_yaml(&pod)));
        b.case("yaml/read kube-apiserver").run(|| Ok(parse_all(&yaml)?));
        Ok(())
    })
}
