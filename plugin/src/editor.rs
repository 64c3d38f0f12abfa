//! The window: one screen for the verbs Play and Continue. Runs on the window thread only.
//!
//! It sees parameters, names, the load status and the engine's [`Monitor`]; changes go through the
//! framework's setter, a wish for another pack through the mailbox. It never waits for the worker
//! and takes no lock that the audio thread could hold.

mod chip;
mod colour_map;
mod conditions;
mod continuation;
mod entry;
mod facts;
mod frequency_axis;
mod gesture;
mod grid;
mod header;
#[cfg(test)]
mod headless;
mod keyboard;
pub mod keyboard_link;
mod knob;
mod latents;
mod layout;
mod listener;
mod placing;
mod play;
mod presets;
mod settings;
mod shape;
mod shelf_panel;
mod spectrogram;
mod status;
mod takes;
mod theme;
mod transform;

use std::sync::Arc;
use std::time::{Duration, Instant};

use afterimage_engine::Monitor;
use afterimage_engine::contract::MAX_LATENT;
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::prelude::{ParamSetter, ResizeHint};
use nice_plug_egui::baseview::HandlerError;
use nice_plug_egui::{
    EguiEditor, EguiNiceSettings, Frame, NiceEguiApp, RepaintNotifier, create_egui_editor,
};

use self::facts::Facts;
use self::grid::Grid;
use self::header::{LoadField, Verb};
use self::keyboard_link::{Hand, KeyboardLink, PlayedKey};
use self::layout::{Layout, MIN_SIZE, Needs};
use self::shelf_panel::{ShelfPanel, Wishes};
use self::spectrogram::Spectrogram;
use self::takes::TakesPanel;
use crate::params::InstrumentParams;
use crate::state::{ModelField, ShelfWish};
use crate::view::{InstrumentView, Opens};

/// Between two pictures while sound comes in.
const MOVING: Duration = Duration::from_millis(16);
/// Between two pictures while nothing moves.
const RESTING: Duration = Duration::from_millis(50);

/// What [`create`] makes: the type of `Plugin::Editor`.
pub type InstrumentEditor = EguiEditor<Window>;

/// Makes the editor for `Plugin::editor`. `keys`: without it no keyboard is shown. Main thread.
///
/// `None` only when the framework refuses.
pub fn create(
    view: InstrumentView,
    monitor: Arc<Monitor>,
    keys: Option<Arc<KeyboardLink>>,
) -> Option<InstrumentEditor> {
    let min_size = LogicalSize::new(MIN_SIZE.x, MIN_SIZE.y);
    let settings = EguiNiceSettings::new()
        .with_tile(header::title(view.opens))
        .with_resize_hint(ResizeHint::RESIZABLE.with_min_logical_size(min_size));
    let size = view.params.window.clone();
    let window = Window {
        monitor,
        keys,
        gui: None,
        facts: Facts::default(),
        load: LoadField::default(),
        shelf: ShelfPanel::default(),
        spectrogram: Spectrogram::new(),
        pressed_key: None,
        verb: Verb::first(view.opens),
        takes: TakesPanel::default(),
        view,
    };
    create_egui_editor(size, RepaintNotifier::new(), settings, window)
}

/// What one window draws from and remembers; kept while the window is closed.
pub struct Window {
    view: InstrumentView,
    monitor: Arc<Monitor>,
    keys: Option<Arc<KeyboardLink>>,
    gui: Option<GuiContext>,
    facts: Facts,
    load: LoadField,
    shelf: ShelfPanel,
    spectrogram: Spectrogram,
    pressed_key: Option<u8>,
    verb: Verb,
    takes: TakesPanel,
}

impl NiceEguiApp for Window {
    fn build(
        &mut self,
        context: egui::Context,
        gui: GuiContext,
        frame: &mut Frame,
    ) -> Result<(), HandlerError> {
        theme::install(&context);
        frame.set_clear_color(theme::GROUND.into());
        self.spectrogram.window_opened();
        self.view.model.wish_shelf(ShelfWish::Read);
        // The framework does not say when a window closes; a key may have been down.
        if let (Some(key), Some(keys)) = (self.pressed_key.take(), &self.keys) {
            keys.play(PlayedKey {
                key,
                velocity: None,
            });
        }
        self.gui = Some(gui);
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut Frame) {
        let now = Instant::now();
        self.facts.refresh(&self.view, &self.monitor, now);
        let hand = self.hand();
        let moved = self.spectrogram.advance(ui.ctx(), &self.monitor, hand);
        if let Some(gui) = self.gui.clone() {
            self.draw(ui, &gui, now);
        }
        ui.ctx()
            .request_repaint_after(if moved { MOVING } else { RESTING });
    }
}

impl Window {
    fn draw(&mut self, ui: &mut egui::Ui, gui: &GuiContext, now: Instant) {
        let window = ui.ctx().content_rect();
        ui.painter().rect_filled(window, 0, theme::GROUND);
        let needs = Needs {
            notice: header::has_notice(&self.facts, &self.load),
            knobs: self.knobs(),
            keyboard: self.keys.is_some(),
        };
        let layout = Layout::new(window.size(), needs);
        let measures = layout.measures;
        let params = &*self.view.params.clone();
        let controls = (params, &gui.param_setter());
        if self.view.model.take_chosen(&self.facts.status.pack_hash) {
            presets::open(params, controls.1, &self.facts.status.opening);
        }
        self.stand_where_sounds_lie(controls);
        let wants_shelf = header::show(
            ui,
            layout.header,
            (&self.facts, self.view.opens),
            &self.view.model,
            &mut self.verb,
        );
        if wants_shelf {
            self.shelf.toggle(&self.view.model);
        }
        let placed = self.placed().clone();
        header::show_notice(
            ui,
            layout.notice,
            &self.facts,
            &mut self.load,
            (&self.view.model, &placed),
        );
        self.spectrogram
            .draw(ui.painter(), layout.spectrogram, self.invitation());
        if let (Some(rect), Some(keys)) = (layout.keyboard, &self.keys) {
            keyboard::show(ui, rect, keys, &mut self.pressed_key);
        }
        if self.verb != Verb::Play {
            let continuation = (&params.continuation, controls.1);
            if self.verb == Verb::Continue {
                let rect = layout.play.union(layout.latents);
                let about = (&self.facts, self.monitor.musical_time());
                continuation::show(ui, rect, measures, continuation, about);
            } else {
                let transform = (&params.transform, controls.1);
                let transformer = &self.view.transformer;
                transform::show(ui, &layout, transform, &self.facts, transformer);
                if !self.facts.transformer_names.latent.is_empty() {
                    let placing = (transformer, &mut self.load);
                    placing::show(ui, layout.latents, measures, &self.facts, placing);
                }
            }
            let rect = layout.presets.union(layout.shape);
            let takes = (&self.view.takes, &*self.facts.takes);
            self.takes.show(ui, rect, measures, continuation, takes);
        } else {
            play::show(ui, layout.play, measures, controls, &self.facts.names);
            self.show_pack_knobs(ui, &layout, controls);
            if self.facts.status.places_sounds {
                let placing = (&self.view.model, &mut self.load);
                placing::show(ui, layout.latents, measures, &self.facts, placing);
            }
            presets::show(ui, layout.presets, measures, controls, &self.facts);
            shape::show(ui, layout.shape, measures, params, controls.1);
        }
        settings::show(ui, layout.settings, measures, params, gui);
        status::show(ui, layout.status, (&self.facts, &self.monitor), params, now);
        let below = layout.header.union(layout.notice);
        self.shelf.show(
            ui,
            (window, below),
            &self.facts,
            Wishes {
                model: &self.view.model,
                composer: &self.view.composer,
                continuer: &self.view.continuer,
            },
            &mut self.load,
        );
    }

    /// Whose knobs a sound is placed for.
    fn placed(&self) -> &ModelField {
        match self.verb {
            Verb::Transform => &self.view.transformer,
            Verb::Play | Verb::Continue => &self.view.model,
        }
    }

    /// Moves the knobs to the sounds that were placed meanwhile.
    fn stand_where_sounds_lie(&self, (params, setter): (&InstrumentParams, &ParamSetter<'_>)) {
        if let Some(place) = self.view.model.take_place(&self.facts.status.pack_hash) {
            presets::recall(params, setter, &place);
        }
        let transformer = &self.facts.transformer.pack_hash;
        if let Some(place) = self.view.transformer.take_place(transformer) {
            transform::stand_on(&params.transform, setter, &place);
        }
    }

    /// Draws the knobs that the pack brings.
    fn show_pack_knobs(
        &self,
        ui: &mut egui::Ui,
        layout: &Layout,
        controls: (&InstrumentParams, &ParamSetter<'_>),
    ) {
        let measures = layout.measures;
        let title = (measures.title_padding(), measures.title);
        let note = match self.facts.status.places_sounds {
            true => "", // the chips have its place
            false => "names are measured: what each axis changes most",
        };
        let words = ("Latent space", note);
        let inner = theme::titled_panel(ui.painter(), layout.latents, title, words);
        let inner = inner.expand2(egui::vec2(8.0, 0.0));
        let grid = Grid::new(inner, measures, self.facts.pack_knobs());
        let sounding = (self.monitor.voices() > 0).then(|| self.monitor.latent());
        latents::show(ui, &grid, controls, (&self.facts, sounding));
        conditions::show(ui, (&grid, self.facts.axes()), controls, &self.facts);
    }

    /// Who is heard now: in the instrument always the model.
    fn hand(&self) -> Hand {
        let piece = self.monitor.musical_time().piece_tick;
        let plays_on = piece.is_some_and(|tick| tick >= 0);
        let transforms = self.view.params.transform.transforms();
        match self.view.opens {
            Opens::ToContinue if !plays_on && !transforms => Hand::You,
            _ => Hand::It,
        }
    }

    /// Knobs that the lower panel makes room for.
    fn knobs(&self) -> usize {
        match self.verb {
            Verb::Play => self.facts.pack_knobs(),
            Verb::Continue | Verb::Transform => MAX_LATENT, // the same room whatever pack plays
        }
    }

    /// What stands in a picture that shows nothing yet.
    fn invitation(&self) -> &'static str {
        let status = &self.facts.status;
        match (status.pack_name.is_empty(), status.loading) {
            (true, true) => "The pack is loading…",
            (true, false) => "Load a pack to play",
            (false, _) if self.view.opens == Opens::ToContinue => {
                "Play into it: what you hear appears here"
            }
            (false, _) => "Play a note: what you hear appears here",
        }
    }
}
