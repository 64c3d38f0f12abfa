//! What comes in, block by block. Audio thread; prepared before.

use clack_host::prelude::{
    AudioPortBuffer, AudioPortBufferType, AudioPorts, InputAudioBuffers, InputChannel,
};

/// The input of a render.
pub(super) struct Incoming<'a> {
    sound: &'a [Vec<f32>],
    channels: usize,
    scratch: [Vec<f32>; 2],
    ports: AudioPorts,
}

impl<'a> Incoming<'a> {
    /// Silence for a plugin with so many channels of input.
    pub(super) fn new(channels: usize, max_block: u32) -> Self {
        let scratch = || vec![0.0; max_block as usize];
        Self {
            sound: &[],
            channels,
            scratch: [scratch(), scratch()],
            ports: AudioPorts::with_capacity(2, 1),
        }
    }

    /// What is heard instead, from the first sample on.
    pub(super) fn play(&mut self, sound: &'a [Vec<f32>]) {
        self.sound = sound;
    }

    /// The buffers of the block at `position`; none for a plugin without input.
    pub(super) fn block(&mut self, position: u64, samples: u32) -> InputAudioBuffers<'_> {
        if self.channels == 0 {
            return InputAudioBuffers::empty();
        }
        for (index, scratch) in self.scratch.iter_mut().enumerate() {
            let sound = self.sound.get(index).or(self.sound.first());
            let from = (position as usize).min(sound.map_or(0, Vec::len));
            let rest = sound.map_or(&[][..], |sound| &sound[from..]);
            let heard = rest.len().min(samples as usize);
            scratch[..heard].copy_from_slice(&rest[..heard]);
            scratch[heard..samples as usize].fill(0.0);
        }
        let scratch = self.scratch.iter_mut().take(self.channels);
        let channels =
            scratch.map(|channel| InputChannel::variable(&mut channel[..samples as usize]));
        self.ports.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(channels),
        }])
    }
}
