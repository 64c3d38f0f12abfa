//! The plugin's parameters by their frozen string ids.
//!
//! CLAP knows numbers and names only. The framework's numbers are a hash of the string id, so an
//! id finds its parameter; the display name in snake case serves plugins of other frameworks.

use anyhow::{Context, Result};
use clack_extensions::params::{ParamInfoBuffer, ParamInfoFlags, PluginParams};
use clack_host::prelude::PluginMainThreadHandle;

/// One automatable value.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// CLAP's number of the parameter.
    pub id: u32,
    /// Display name.
    pub name: String,
    /// Smallest plain value.
    pub min: f64,
    /// Largest plain value.
    pub max: f64,
    /// Plain value of a fresh instance.
    pub default: f64,
    /// True when hosts may automate it.
    pub automatable: bool,
    /// True for the bypass switch.
    pub bypass: bool,
}

impl Parameter {
    /// The CLAP value of a normalised one, 0 to 1.
    pub fn plain(&self, normalised: f64) -> f64 {
        self.min + normalised.clamp(0.0, 1.0) * (self.max - self.min)
    }

    /// The normalised value, 0 to 1, of a CLAP one.
    pub fn normalised(&self, plain: f64) -> f64 {
        if self.max > self.min {
            (plain - self.min) / (self.max - self.min)
        } else {
            0.0
        }
    }
}

/// All parameters of an instance.
#[derive(Clone, Debug, Default)]
pub struct ParameterTable {
    all: Vec<Parameter>,
}

/// The framework's CLAP number of a string id: a polynomial hash with the top bit cleared.
pub fn parameter_hash(id: &str) -> u32 {
    id.bytes().fold(0_u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    }) & !(1 << 31)
}

fn snake_case(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

impl ParameterTable {
    pub(super) fn read(plugin: &PluginMainThreadHandle) -> Result<Self> {
        let params: PluginParams = plugin
            .get_extension()
            .context("the plugin has no CLAP params extension; is it an instrument?")?;
        let mut buffer = ParamInfoBuffer::new();
        let mut all = Vec::new();
        for index in 0..params.count(plugin) {
            let Some(info) = params.get_info(plugin, index, &mut buffer) else {
                continue;
            };
            all.push(Parameter {
                id: info.id.get(),
                name: String::from_utf8_lossy(info.name).into_owned(),
                min: info.min_value,
                max: info.max_value,
                default: info.default_value,
                automatable: info.flags.contains(ParamInfoFlags::IS_AUTOMATABLE),
                bypass: info.flags.contains(ParamInfoFlags::IS_BYPASS),
            });
        }
        Ok(Self { all })
    }

    /// Every parameter, in the plugin's order.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.all.iter()
    }

    /// The parameter of a string id, such as `latent_1`.
    ///
    /// # Errors
    /// When no parameter has that id; the sentence lists those that exist.
    pub fn find(&self, id: &str) -> Result<&Parameter> {
        let hash = parameter_hash(id);
        self.all
            .iter()
            .find(|p| p.id == hash)
            .or_else(|| self.all.iter().find(|p| snake_case(&p.name) == id))
            .with_context(|| {
                let known: Vec<_> = self
                    .all
                    .iter()
                    .filter(|p| p.automatable)
                    .map(|p| snake_case(&p.name))
                    .collect();
                format!("no parameter '{id}'; the plugin has: {}", known.join(", "))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::{Parameter, parameter_hash};

    #[test]
    fn the_hash_of_an_id_keeps_the_top_bit_clear() {
        assert_eq!(parameter_hash("a"), 97);
        assert_eq!(parameter_hash("ab"), 97 * 31 + 98);
        assert!(parameter_hash("a_rather_long_parameter_id_indeed") < 1 << 31);
    }

    #[test]
    fn plain_and_normalised_values_are_inverse() {
        let parameter = Parameter {
            id: 1,
            name: "Class 1".into(),
            min: 0.0,
            max: 31.0,
            default: 0.0,
            automatable: true,
            bypass: false,
        };
        for normalised in [0.0, 0.25, 0.5, 1.0] {
            assert!((parameter.normalised(parameter.plain(normalised)) - normalised).abs() < 1e-12);
        }
    }
}
