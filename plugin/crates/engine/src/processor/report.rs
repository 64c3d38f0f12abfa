//! What a block leaves in the monitor. Audio thread; real-time safe.

use super::Processor;
use crate::monitor::count;
use crate::request::Tally;
use crate::voice::Faults;

impl Processor {
    pub(super) fn report_requests(&self, tally: &Tally) {
        let counters = &self.monitor.counters;
        count(
            &counters.dropped_requests,
            u64::from(tally.dropped_requests),
        );
        count(&counters.dropped_notes, u64::from(tally.dropped_notes));
        count(&counters.stolen_voices, u64::from(tally.stolen_voices));
        count(&counters.cold_attacks, u64::from(tally.cold_attacks));
    }

    pub(super) fn report(&mut self, faults: &Faults) {
        let counters = &self.monitor.counters;
        let (late_notes, dropped_cues) = self.conductor.take_faults();
        count(&counters.late_notes, late_notes);
        count(&counters.dropped_cues, dropped_cues);
        let (late_samples, limited_samples) = self.player.take_faults();
        count(&counters.late_samples, late_samples);
        count(&counters.limited_samples, limited_samples);
        count(&counters.dropped_chunks, self.conductor.ear.take_dropped());
        let faults_of_transform = self.transforming.take_faults();
        count(&counters.late_transformed, faults_of_transform.late_samples);
        count(
            &counters.limited_samples,
            faults_of_transform.limited_samples,
        );
        count(&counters.dropped_chunks, faults_of_transform.dropped_chunks);
        count(&counters.dropped_cues, faults_of_transform.dropped_cues);
        if let Some(level_db) = self.conductor.input_db() {
            self.monitor.set_input_db(level_db);
        }
        self.monitor
            .set_musical_time(&self.conductor.musical_time(self.position_host));
        count(&counters.late_frames, u64::from(faults.late_frames));
        count(&counters.unheard_frames, u64::from(faults.unheard_frames));
        count(
            &counters.non_finite_samples,
            u64::from(faults.non_finite_samples),
        );
        let sounding = self
            .program
            .as_ref()
            .map_or(0, |program| program.sounding());
        self.monitor.set_block(sounding, self.rendering.waits());
        if let Some(program) = &mut self.program {
            program.publish(self.position_host, &self.monitor);
        }
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.program.publish_position(self.position_host);
        }
    }
}
