//! The input of a block, aside from the buffer that the output takes over. Audio thread; preallocated.

use nice_plug::prelude::AudioIOLayout;

/// Channels that are heard at most.
const MOST_CHANNELS: usize = 2;

/// Copies what comes in, since the framework hands input and output over in one buffer.
#[derive(Default)]
pub struct Heard {
    input: [Vec<f32>; MOST_CHANNELS],
    /// Channels of the input; 0 where there is none.
    channels: usize,
    /// The second output channel, where the host has one.
    right: Vec<f32>,
}

impl Heard {
    /// Makes room for the host's blocks. Allocates.
    pub fn prepare(&mut self, layout: &AudioIOLayout, max_block_samples: u32) {
        let channels = layout.main_input_channels.map_or(0, |count| count.get());
        self.channels = (channels as usize).min(MOST_CHANNELS);
        for channel in &mut self.input {
            channel.resize(max_block_samples as usize, 0.0);
        }
        self.right.resize(max_block_samples as usize, 0.0);
    }

    /// Renders a block in place: `render` is given the input, and left and right to fill. One channel
    /// out is the mean of both, which is the input itself where nothing else sounds. Real-time safe.
    pub fn render(
        &mut self,
        buffer: &mut [&mut [f32]],
        render: impl FnOnce(&[&[f32]], &mut [f32], &mut [f32]),
    ) {
        let room = self.right.len();
        let samples = buffer.first().map_or(0, |channel| channel.len().min(room));
        for (kept, channel) in self.input.iter_mut().zip(&*buffer).take(self.channels) {
            kept[..samples].copy_from_slice(&channel[..samples]);
        }
        let [first, second] = &self.input;
        let input = [&first[..samples], &second[..samples]];
        match buffer {
            [left, right] => render(&input[..self.channels], left, right),
            [mono] => {
                let right = &mut self.right[..samples];
                render(&input[..self.channels], mono, right);
                for (left, right) in mono.iter_mut().zip(&*right) {
                    *left = 0.5 * (*left + *right);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AudioIOLayout, Heard};
    use crate::effect::Effect;
    use crate::shell::Role;

    fn heard(layout: &AudioIOLayout) -> Heard {
        let mut heard = Heard::default();
        heard.prepare(layout, 4);
        heard
    }

    fn pass(input: &[&[f32]], left: &mut [f32], right: &mut [f32]) {
        left.copy_from_slice(input[0]);
        right.copy_from_slice(input[input.len() - 1]);
    }

    #[test]
    fn what_passes_through_keeps_every_bit_in_stereo_and_mono() {
        let (one, two) = ([0.1, -0.7, 1e-9, 3.0], [0.3, 0.9, -1e-20, 0.0]);
        for layout in Effect::LAYOUTS {
            let (mut left, mut right) = (one, two);
            let channels = layout.main_input_channels.map_or(0, |count| count.get());
            let mut buffer = [&mut left[..], &mut right[..]];
            heard(layout).render(&mut buffer[..channels as usize], pass);
            assert_eq!((left, right), (one, two), "{channels} channels");
        }
    }
}
