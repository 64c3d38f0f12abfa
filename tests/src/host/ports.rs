//! The channels of a plugin's main ports, and the choice between its layouts.

use anyhow::{Context, Result, bail};
use clack_extensions::audio_ports::{AudioPortInfoBuffer, PluginAudioPorts};
use clack_extensions::audio_ports_config::{AudioPortsConfigBuffer, PluginAudioPortsConfig};

use super::Session;

/// Channels of the main ports; 0 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Channels that go in.
    pub inputs: usize,
    /// Channels that come out.
    pub outputs: usize,
}

impl Session {
    /// The ports of the layout at hand; of a plugin that does not say, stereo out.
    ///
    /// # Errors
    /// When the plugin has more channels than this host.
    pub fn ports(&mut self) -> Result<Ports> {
        let plugin = self.instance.plugin_handle();
        let Some(ports) = plugin.get_extension::<PluginAudioPorts>() else {
            return Ok(Ports {
                inputs: 0,
                outputs: 2,
            });
        };
        let mut buffer = AudioPortInfoBuffer::new();
        let mut channels = |is_input: bool| {
            let port = ports.get(&plugin, 0, is_input, &mut buffer);
            port.map_or(0, |port| port.channel_count as usize)
        };
        let found = Ports {
            inputs: channels(true),
            outputs: channels(false),
        };
        match found {
            Ports {
                inputs: 0..=2,
                outputs: 1..=2,
            } => Ok(found),
            other => bail!("this host has one or two channels, the plugin {other:?}"),
        }
    }

    /// Chooses a layout by its place in the plugin's list, while it is inactive.
    ///
    /// # Errors
    /// When there is no such layout or the plugin refuses it.
    pub fn choose_ports(&mut self, index: u32) -> Result<()> {
        let plugin = self.instance.plugin_handle();
        let layouts: PluginAudioPortsConfig = plugin
            .get_extension()
            .context("the plugin has one layout of ports only")?;
        let mut buffer = AudioPortsConfigBuffer::new();
        let layout = layouts
            .get(&plugin, index, &mut buffer)
            .with_context(|| format!("the plugin has no layout {index}"))?
            .id;
        layouts
            .select(&plugin, layout)
            .context("the plugin refuses the layout")
    }
}
