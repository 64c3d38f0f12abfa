//! One plugin instance from load to unload, as a DAW's main thread drives it.

use std::ffi::CString;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clack_extensions::latency::PluginLatency;
use clack_extensions::params::PluginParams;
use clack_extensions::render::{PluginRender, RenderMode};
use clack_extensions::state::PluginState;
use clack_host::prelude::{
    EventBuffer, HostInfo, PluginAudioConfiguration, PluginEntry, PluginInstance,
    StoppedPluginAudioProcessor,
};
use clack_host::utils::ClapId;

use super::audio_callback::AudioCallback;
use super::handlers::{MainThread, Requests};
use super::render_spec::{Activation, RenderSpec, Rendered};
use super::timeline::send;
use super::{BlockPlan, BlockWatch, Event, HeadlessHost, Pace, ParameterTable, status, takes};

/// How often the main thread looks for requests while the audio thread runs.
const SERVICE_PERIOD: Duration = Duration::from_millis(1);
/// Audio the plugin hears before a render, so that a model that loads in the background is there.
const SETTLE_S: f64 = 0.1;
/// Restarts a plugin may ask for while it settles; more is a loop.
const MAX_RESTARTS: u32 = 8;

/// A loaded plugin.
pub struct Session {
    pub(super) instance: PluginInstance<HeadlessHost>,
    parameters: ParameterTable,
    /// State to load while the render runs, once it has passed a sample.
    restore_at: Option<(u64, Vec<u8>)>,
}

impl Session {
    /// Loads plugin `id` from the CLAP file at `path`.
    ///
    /// # Errors
    /// When the file cannot be mapped, holds no such plugin, or the plugin refuses to start.
    pub fn load(path: &Path, id: &str) -> Result<Self> {
        status::status_path();
        takes::folder();
        // SAFETY: the file is a CLAP plugin that this workspace built; its entry is sound to load.
        let entry = unsafe { PluginEntry::load(path) }.with_context(|| {
            format!(
                "cannot load {}; build it with: cargo xtask bundle",
                path.display()
            )
        })?;
        Self::from_entry(&entry, id)
    }

    /// Starts plugin `id` of a loaded entry.
    ///
    /// # Errors
    /// When the entry holds no such plugin, or it refuses to start.
    pub fn from_entry(entry: &PluginEntry, id: &str) -> Result<Self> {
        let host = HostInfo::new(
            "Afterimage headless host",
            "Afterimage",
            "",
            env!("CARGO_PKG_VERSION"),
        )?;
        let id = CString::new(id)?;
        let mut instance = PluginInstance::new(
            |_| Requests::new(),
            |_| MainThread::new(),
            entry,
            &id,
            &host,
        )
        .map_err(|error| anyhow!("cannot start {}: {error}", id.to_string_lossy()))?;
        let parameters = ParameterTable::read(&instance.plugin_handle())?;
        Ok(Self {
            instance,
            parameters,
            restore_at: None,
        })
    }

    /// The plugin's parameters.
    pub fn parameters(&self) -> &ParameterTable {
        &self.parameters
    }

    /// How often the plugin has asked the host to activate it again.
    pub fn restarts_requested(&self) -> u32 {
        self.instance
            .access_shared_handler(|shared| shared.restarts_requested.load(Ordering::Relaxed))
    }

    /// Sets a parameter by id while the plugin is inactive; `normalised` 0 to 1.
    ///
    /// # Errors
    /// When there is no such parameter.
    pub fn set(&mut self, id: &str, normalised: f64) -> Result<()> {
        let parameter = self.parameters.find(id)?;
        let event = Event::Parameter {
            id: parameter.id,
            value: parameter.plain(normalised),
        };
        let mut events = EventBuffer::new();
        send(&event, 0, &mut events);
        self.flush(&events)
    }

    fn flush(&mut self, events: &EventBuffer) -> Result<()> {
        let mut inactive = self
            .instance
            .inactive_plugin_handle()
            .context("flush outside a render needs an inactive plugin")?;
        let params: PluginParams = inactive
            .get_extension()
            .context("the plugin has no params extension")?;
        let mut answers = EventBuffer::new();
        params.flush(&mut inactive, &events.as_input(), &mut answers.as_output());
        Ok(())
    }

    /// The plain CLAP value of a parameter.
    ///
    /// # Errors
    /// When there is no such parameter or the plugin does not tell.
    pub fn get(&mut self, id: &str) -> Result<f64> {
        let number = ClapId::from_raw(self.parameters.find(id)?.id)
            .context("the parameter has an invalid number")?;
        let plugin = self.instance.plugin_handle();
        let params: PluginParams = plugin
            .get_extension()
            .context("the plugin has no params extension")?;
        params
            .get_value(&plugin, number)
            .with_context(|| format!("the plugin does not tell the value of '{id}'"))
    }

    /// The text the plugin shows for a normalised value.
    ///
    /// # Errors
    /// When there is no such parameter or the plugin writes no text.
    pub fn value_text(&mut self, id: &str, normalised: f64) -> Result<String> {
        let parameter = self.parameters.find(id)?;
        let (number, plain) = (
            ClapId::from_raw(parameter.id).context("invalid number")?,
            parameter.plain(normalised),
        );
        let plugin = self.instance.plugin_handle();
        let params: PluginParams = plugin
            .get_extension()
            .context("the plugin has no params extension")?;
        let mut buffer = [0_u8; 256];
        let text = params
            .value_to_text(&plugin, number, plain, &mut buffer)
            .map_err(|_| anyhow!("the plugin writes no text for '{id}'"))?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// The plugin's state, as a session file would keep it.
    ///
    /// # Errors
    /// When the plugin saves none.
    pub fn save(&mut self) -> Result<Vec<u8>> {
        let plugin = self.instance.plugin_handle();
        let state: PluginState = plugin
            .get_extension()
            .context("the plugin has no state extension")?;
        let mut bytes = Vec::new();
        state.save(&plugin, &mut bytes)?;
        Ok(bytes)
    }

    /// Gives a saved state back.
    ///
    /// # Errors
    /// When the plugin refuses it.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let plugin = self.instance.plugin_handle();
        let state: PluginState = plugin
            .get_extension()
            .context("the plugin has no state extension")?;
        state.load(&plugin, &mut &bytes[..])?;
        Ok(())
    }

    /// The latency the plugin reports now.
    pub fn latency(&mut self) -> u32 {
        let plugin = self.instance.plugin_handle();
        plugin
            .get_extension::<PluginLatency>()
            .map_or(0, |latency| latency.get(&plugin))
    }

    /// Activates and plays silence until the plugin stops asking for restarts.
    ///
    /// # Errors
    /// When the plugin refuses to activate or asks for restarts without end.
    pub fn settle(
        &mut self,
        activation: Activation,
    ) -> Result<StoppedPluginAudioProcessor<HeadlessHost>> {
        let plan = BlockPlan::Fixed(activation.max_block.min(1024));
        // A live plugin is given offline silence first: an offline render waits for its model.
        let mut stopped = self.activate(Activation {
            offline: true,
            ..activation
        })?;
        let ports = self.ports()?;
        for _ in 0..MAX_RESTARTS {
            let samples = (SETTLE_S * activation.rate_hz) as u64;
            let mut silence = AudioCallback::new(
                activation.rate_hz,
                &[],
                Pace::Offline,
                activation.max_block,
                samples,
                ports,
                (),
            );
            let (after, _) = self.play(stopped, &mut silence, &mut plan.blocks(samples))?;
            stopped = after;
            self.serve();
            let restart = self
                .instance
                .access_shared_handler(|shared| shared.restart.swap(false, Ordering::AcqRel));
            if !restart {
                return self.reactivate(stopped, activation);
            }
            stopped = self.reactivate(
                stopped,
                Activation {
                    offline: true,
                    ..activation
                },
            )?;
        }
        bail!(
            "the plugin asked for {MAX_RESTARTS} restarts in a row; a latency that never settles?"
        )
    }

    fn activate(
        &mut self,
        activation: Activation,
    ) -> Result<StoppedPluginAudioProcessor<HeadlessHost>> {
        let plugin = self.instance.plugin_handle();
        if let Some(render) = plugin.get_extension::<PluginRender>() {
            let mode = if activation.offline {
                RenderMode::Offline
            } else {
                RenderMode::Realtime
            };
            render
                .set(&plugin, mode)
                .context("the plugin refuses the render mode")?;
        }
        let configuration = PluginAudioConfiguration {
            sample_rate: activation.rate_hz,
            min_frames_count: 1,
            max_frames_count: activation.max_block,
        };
        self.instance
            .activate(|_, _| (), configuration)
            .map_err(|error| anyhow!("the plugin refuses {activation:?}: {error}"))
    }

    fn reactivate(
        &mut self,
        stopped: StoppedPluginAudioProcessor<HeadlessHost>,
        activation: Activation,
    ) -> Result<StoppedPluginAudioProcessor<HeadlessHost>> {
        self.instance.deactivate(stopped);
        self.activate(activation)
    }

    /// Runs blocks on an audio thread and serves the plugin's requests here meanwhile.
    fn play<W: BlockWatch>(
        &mut self,
        stopped: StoppedPluginAudioProcessor<HeadlessHost>,
        audio: &mut AudioCallback<'_, W>,
        blocks: &mut (dyn Iterator<Item = u32> + Send),
    ) -> Result<(StoppedPluginAudioProcessor<HeadlessHost>, bool)> {
        let stop = AtomicBool::new(false);
        let progress = audio.progress();
        let (done, finished) = channel();
        std::thread::scope(|scope| {
            let stop = &stop;
            scope.spawn(move || {
                let outcome = match stopped.start_processing() {
                    Ok(mut plugin) => {
                        let ran = audio.run(&mut plugin, blocks, stop);
                        Ok((plugin.stop_processing(), ran))
                    }
                    Err(error) => Err(anyhow!("the plugin refuses to start processing: {error}")),
                };
                // The main thread waits for exactly this message.
                let _ = done.send(outcome);
            });
            loop {
                match finished.recv_timeout(SERVICE_PERIOD) {
                    Ok(outcome) => {
                        let (stopped, ran) = outcome?;
                        return Ok((stopped, ran?));
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        self.serve();
                        self.restore_when_due(progress.load(Ordering::Relaxed))?;
                    }
                    Err(RecvTimeoutError::Disconnected) => bail!("the audio thread panicked"),
                }
            }
        })
    }

    fn restore_when_due(&mut self, position: u64) -> Result<()> {
        match self.restore_at.take_if(|(at, _)| position >= *at) {
            Some((_, bytes)) => self.restore(&bytes),
            None => Ok(()),
        }
    }

    /// Acts on what the plugin asked for. Restarts are left to whoever owns the processor.
    fn serve(&mut self) {
        if self
            .instance
            .access_shared_handler(|shared| shared.callback.swap(false, Ordering::AcqRel))
        {
            self.instance.call_on_main_thread_callback();
        }
        // A running plugin is flushed by its next block; a stopped one here.
        let flush = self
            .instance
            .access_shared_handler(|shared| shared.flush.swap(false, Ordering::AcqRel));
        if flush && !self.instance.is_active() {
            // It has just been seen inactive.
            let _ = self.flush(&EventBuffer::new());
        }
    }

    /// Renders from silence: activates, lets the plugin settle, plays, deactivates.
    ///
    /// # Errors
    /// When the plugin refuses anything on the way.
    pub fn render(&mut self, spec: &RenderSpec) -> Result<Rendered> {
        self.render_watched(spec, ()).map(|(rendered, ())| rendered)
    }

    /// As [`render`](Self::render), with a watch around every callback of the render.
    ///
    /// # Errors
    /// When the plugin refuses anything on the way.
    pub fn render_watched<W: BlockWatch>(
        &mut self,
        spec: &RenderSpec,
        watch: W,
    ) -> Result<(Rendered, W)> {
        let stopped = self.settle(spec.activation())?;
        let latency = self.latency();
        let skip = if spec.compensate {
            u64::from(latency)
        } else {
            0
        };
        let total = spec.samples + skip;
        let events = spec.timeline.in_order();
        let (rate_hz, longest) = (spec.rate_hz, spec.longest_block());
        let ports = self.ports()?;
        let mut audio =
            AudioCallback::new(rate_hz, &events, spec.pace, longest, total, ports, watch);
        audio.input.play(&spec.input);
        audio.jumps.clone_from(&spec.jumps);
        audio.tempo_bpm = spec.tempo_bpm;
        audio.wants_real_time = spec.real_time;
        audio.resets.clone_from(&spec.resets);
        self.restore_at.clone_from(&spec.restore_at);
        status::clear();
        let began = Instant::now();
        let (stopped, _) = self.play(stopped, &mut audio, &mut *spec.block_sizes(total))?;
        let wall_s = began.elapsed().as_secs_f64();
        self.instance.deactivate(stopped);
        self.serve();
        let (heard, watch) = audio.finish(skip);
        let rendered = Rendered {
            latency_samples: latency,
            wall_s,
            status: status::take(),
            ..heard
        };
        Ok((rendered, watch))
    }
}
