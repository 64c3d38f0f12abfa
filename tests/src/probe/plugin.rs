//! The probe itself, written against clack.

use std::ffi::CStr;
use std::fmt::Write;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use clack_extensions::latency::{PluginLatency, PluginLatencyImpl};
use clack_extensions::params::{
    ParamDisplayWriter, ParamInfo, ParamInfoFlags, ParamInfoWriter, PluginAudioProcessorParams,
    PluginMainThreadParams, PluginParams,
};
use clack_plugin::events::spaces::CoreEventSpace;
use clack_plugin::prelude::{
    Audio, ClapId, DefaultPluginFactory, Events, HostAudioProcessorHandle, HostMainThreadHandle,
    HostSharedHandle, InputEvents, OutputEvents, Plugin, PluginAudioConfiguration,
    PluginAudioProcessor, PluginDescriptor, PluginError, PluginExtensions, PluginMainThread,
    PluginShared, Process, ProcessStatus,
};
use clack_plugin::utils::Cookie;

use super::{Fault, PROBE_ID, PROBE_LATENCY, PROBE_RESTARTS};
use crate::host::parameter_hash;

/// Longest block plus latency that the probe's delay line holds.
const DELAY_SAMPLES: usize = 1 << 17;

pub struct Probe;

impl Plugin for Probe {
    type AudioProcessor<'a> = ProbeProcessor<'a>;
    type Shared<'a> = ProbeShared;
    type MainThread<'a> = ProbeMain<'a>;

    fn declare_extensions(builder: &mut PluginExtensions<Self>, _shared: Option<&ProbeShared>) {
        builder
            .register::<PluginParams>()
            .register::<PluginLatency>();
    }
}

impl DefaultPluginFactory for Probe {
    fn get_descriptor() -> PluginDescriptor {
        PluginDescriptor::new(PROBE_ID, "Probe")
    }

    fn new_shared(_host: HostSharedHandle<'_>) -> Result<ProbeShared, PluginError> {
        Ok(ProbeShared {
            gain: AtomicU64::new(1.0_f64.to_bits()),
            fault: AtomicU64::new(0),
            restarts: AtomicU32::new(0),
        })
    }

    fn new_main_thread<'a>(
        _host: HostMainThreadHandle<'a>,
        shared: &'a ProbeShared,
    ) -> Result<ProbeMain<'a>, PluginError> {
        Ok(ProbeMain { shared })
    }
}

/// Parameters, as bits of `f64`.
pub struct ProbeShared {
    gain: AtomicU64,
    fault: AtomicU64,
    restarts: AtomicU32,
}

impl PluginShared<'_> for ProbeShared {}

impl ProbeShared {
    fn parameter(&self, id: u32) -> Option<&AtomicU64> {
        if id == parameter_hash("gain") {
            Some(&self.gain)
        } else if id == parameter_hash("fault") {
            Some(&self.fault)
        } else {
            None
        }
    }

    fn value(&self, id: u32) -> Option<f64> {
        self.parameter(id)
            .map(|bits| f64::from_bits(bits.load(Ordering::Relaxed)))
    }

    fn take(&self, event: &CoreEventSpace) {
        if let CoreEventSpace::ParamValue(change) = event
            && let Some(parameter) = change.param_id().and_then(|id| self.parameter(id.get()))
        {
            parameter.store(change.value().to_bits(), Ordering::Relaxed);
        }
    }

    fn flush(&self, changes: &InputEvents) {
        for event in changes.iter().filter_map(|event| event.as_core_event()) {
            self.take(&event);
        }
    }
}

pub struct ProbeMain<'a> {
    shared: &'a ProbeShared,
}

impl<'a> PluginMainThread<'a, ProbeShared> for ProbeMain<'a> {}

impl PluginLatencyImpl for ProbeMain<'_> {
    fn get(&self) -> u32 {
        PROBE_LATENCY
    }
}

impl PluginMainThreadParams for ProbeMain<'_> {
    fn count(&self) -> u32 {
        2
    }

    fn get_info(&self, param_index: u32, info: &mut ParamInfoWriter) {
        let (id, max_value, default_value) = match param_index {
            0 => ("gain", 1.0, 1.0),
            1 => ("fault", Fault::ALL.len() as f64, 0.0),
            _ => return,
        };
        info.set(&ParamInfo {
            id: ClapId::new(parameter_hash(id)),
            flags: ParamInfoFlags::IS_AUTOMATABLE,
            cookie: Cookie::empty(),
            name: id.as_bytes(),
            module: b"",
            min_value: 0.0,
            max_value,
            default_value,
        });
    }

    fn get_value(&self, param_id: ClapId) -> Option<f64> {
        self.shared.value(param_id.get())
    }

    fn value_to_text(
        &self,
        _id: ClapId,
        value: f64,
        writer: &mut ParamDisplayWriter,
    ) -> std::fmt::Result {
        write!(writer, "{value:.2}")
    }

    fn text_to_value(&self, _id: ClapId, text: &CStr) -> Option<f64> {
        text.to_str().ok()?.parse().ok()
    }

    fn flush(&self, input: &InputEvents, _output: &mut OutputEvents) {
        self.shared.flush(input);
    }
}

/// Puts an impulse into the delay line at each note-on.
pub struct ProbeProcessor<'a> {
    shared: &'a ProbeShared,
    host: HostAudioProcessorHandle<'a>,
    delay: Vec<f32>,
    position: usize,
}

impl<'a> PluginAudioProcessor<'a, ProbeShared, ProbeMain<'a>> for ProbeProcessor<'a> {
    fn activate(
        host: HostAudioProcessorHandle<'a>,
        _main_thread: &ProbeMain<'a>,
        shared: &'a ProbeShared,
        _config: PluginAudioConfiguration,
    ) -> Result<Self, PluginError> {
        Ok(Self {
            shared,
            host,
            delay: vec![0.0; DELAY_SAMPLES],
            position: 0,
        })
    }

    fn process(
        &mut self,
        _process: Process,
        mut audio: Audio,
        events: Events,
    ) -> Result<ProcessStatus, PluginError> {
        if self.shared.restarts.fetch_add(1, Ordering::Relaxed) < PROBE_RESTARTS {
            self.host.shared().request_restart();
        }
        let samples = audio.frames_count() as usize;
        for event in events.input.iter() {
            let Some(core) = event.as_core_event() else {
                continue;
            };
            self.shared.take(&core);
            if let CoreEventSpace::NoteOn(note) = core {
                let gain = f64::from_bits(self.shared.gain.load(Ordering::Relaxed));
                let at = self.position + event.header().time() as usize + PROBE_LATENCY as usize;
                self.delay[at % DELAY_SAMPLES] = (note.velocity() * gain) as f32;
            }
        }
        Fault::of_value(f64::from_bits(self.shared.fault.load(Ordering::Relaxed))).commit();
        self.play(&mut audio, samples);
        self.position += samples;
        Ok(ProcessStatus::Continue)
    }

    fn reset(&mut self) {
        self.delay.fill(0.0);
    }

    fn start_processing(&mut self) -> Result<(), PluginError> {
        self.reset();
        Ok(())
    }
}

impl ProbeProcessor<'_> {
    fn play(&mut self, audio: &mut Audio, samples: usize) {
        let Some(mut port) = audio.output_port(0) else {
            return;
        };
        let Ok(Some(mut channels)) = port.channels().map(|channels| channels.into_f32()) else {
            return;
        };
        for channel in 0..channels.channel_count() {
            let Some(out) = channels.channel_mut(channel) else {
                continue;
            };
            for (offset, sample) in out.iter_mut().enumerate().take(samples) {
                *sample = self.delay[(self.position + offset) % DELAY_SAMPLES];
            }
        }
        for offset in 0..samples {
            self.delay[(self.position + offset) % DELAY_SAMPLES] = 0.0;
        }
    }
}

impl PluginAudioProcessorParams for ProbeProcessor<'_> {
    fn flush(&mut self, input: &InputEvents, _output: &mut OutputEvents) {
        self.shared.flush(input);
    }
}
