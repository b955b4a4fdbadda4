//! Which listed container is which record's.

use std::collections::{BTreeMap, HashMap};

use super::evidence::{SeenContainer, Testimony};

/// Docker's short form; anything shorter is no ID.
const SHORTEST: usize = 12;

/// What a listing says of a record's container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listed<'a> {
    /// This witness lists it.
    Yes(&'a str, &'a SeenContainer),
    /// This witness lists a short ID that may be this container or another.
    Perhaps(&'a str, &'a SeenContainer),
}

/// Listed containers by the container IDs of the records.
pub(super) struct Containers<'a> {
    listed: HashMap<&'a str, Vec<Listed<'a>>>,
}

impl<'a> Containers<'a> {
    /// Matches whole IDs; else a prefix of at least 12 characters. A prefix of more than one container proves none of
    /// them and clears none.
    pub(super) fn new(
        held: impl Iterator<Item = &'a str>,
        testimonies: impl Iterator<Item = &'a Testimony>,
    ) -> Self {
        let held: BTreeMap<&str, ()> = held.map(|id| (id, ())).collect();
        let mut listed: HashMap<&str, Vec<Listed<'a>>> = HashMap::new();
        for testimony in testimonies {
            let witness = testimony.witness.as_str();
            for container in &testimony.containers {
                let id = container.id.as_str();
                if let Some((whole, ())) = held.get_key_value(id) {
                    listed.entry(whole).or_default().push(Listed::Yes(witness, container));
                    continue;
                }
                if id.len() < SHORTEST {
                    continue;
                }
                let matching: Vec<&str> = held
                    .range(id..)
                    .map(|(whole, ())| *whole)
                    .take_while(|whole| whole.starts_with(id))
                    .collect();
                for whole in &matching {
                    listed.entry(whole).or_default().push(if matching.len() == 1 {
                        Listed::Yes(witness, container)
                    } else {
                        Listed::Perhaps(witness, container)
                    });
                }
            }
        }
        Self { listed }
    }

    pub(super) fn of(&self, container: &str) -> &[Listed<'a>] {
        self.listed.get(container).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_id_counts_only_if_it_is_long_enough_and_unique() {
        let held = ["aaaaaaaaaaaa1111", "aaaaaaaaaaaa2222", "bbbbbbbbbbbb3333", "cccc"];
        let testimony =
            Testimony::containers("docker", ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "bbbbbbbbbbb", "cccc"]);
        let all = [testimony];
        let containers = Containers::new(held.into_iter(), all.iter());
        for perhaps in &held[..2] {
            assert!(matches!(containers.of(perhaps), [Listed::Perhaps("docker", _)]), "{perhaps}");
        }
        for yes in &held[2..] {
            assert!(matches!(containers.of(yes), [Listed::Yes("docker", _)]), "{yes}");
        }
        assert!(containers.of("aaaaaaaaaaaa").is_empty());
    }

    #[test]
    fn a_whole_id_is_no_prefix_of_another() {
        let held = ["web-frontend-1", "web-frontend-10"];
        let all = [Testimony::containers("cri", ["web-frontend-1"])];
        let containers = Containers::new(held.into_iter(), all.iter());
        assert_eq!(containers.of("web-frontend-1").len(), 1);
        assert!(containers.of("web-frontend-10").is_empty());
    }
}
