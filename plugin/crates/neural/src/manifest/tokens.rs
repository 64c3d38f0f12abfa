//! Tokens of sound: the levels of a codec, and how many frames a group of them stands for.

use std::ops::Range;

use super::field::Field;
use super::parse::each;
use crate::error::PackError;

/// Most codes of one level.
const MAX_CODES: u64 = 1 << 16;
/// Most tokens of one level in a group.
const MAX_PLACES: u64 = 64;
/// Most levels.
const MAX_LEVELS: usize = 8;
/// Most frames of a group, and most groups beside the decoded ones.
const MAX_FRAMES: u64 = 64;

/// One level of a codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLevel {
    /// Its name.
    pub name: String,
    /// Codes of its codebook.
    pub codes: u32,
    /// Tokens that it has in a group.
    pub places: usize,
}

/// The tokens of a codec: group after group, and in a group level after level.
///
/// Each level has token numbers of its own, those of the first level first; the number after the last
/// one stands for the start.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenVocabulary {
    /// All levels, coarse to fine.
    pub levels: Vec<TokenLevel>,
    /// Frames that a group stands for.
    pub group_frames: usize,
    /// Groups before the decoded ones that the decoder sees.
    pub before_groups: usize,
    /// Groups after the decoded ones that the decoder sees.
    pub after_groups: usize,
    /// Temperature that the maker found good.
    pub temperature: f32,
    /// Top-p that the maker found good.
    pub top_p: f32,
}

impl TokenVocabulary {
    /// Reads the manifest's `vocabulary`, if it is one of levels.
    pub(super) fn parse(field: &Field<'_>) -> Result<Option<Self>, PackError> {
        let levels = field.at("levels");
        if !field.is_there() || !levels.is_there() {
            return Ok(None);
        }
        let parsed = each(&levels, parse_level)?;
        if parsed.is_empty() || parsed.len() > MAX_LEVELS {
            return Err(levels.must_be(format!("a list of 1 to {MAX_LEVELS} levels")));
        }
        Ok(Some(Self {
            levels: parsed,
            group_frames: field.at("group_frames").count(1, MAX_FRAMES)?,
            before_groups: field.at("before_groups").count_or(0, 0, MAX_FRAMES)?,
            after_groups: field.at("after_groups").count_or(0, 0, MAX_FRAMES)?,
            temperature: field.at("temperature").number_or(1.0)?.clamp(0.0, 10.0) as f32,
            top_p: field.at("top_p").number_or(1.0)?.clamp(0.01, 1.0) as f32,
        }))
    }

    /// Tokens in all.
    pub fn size(&self) -> usize {
        self.levels.iter().map(|level| level.codes as usize).sum()
    }

    /// Tokens of a group.
    pub fn places(&self) -> usize {
        self.levels.iter().map(|level| level.places).sum()
    }

    /// The number that stands for the start.
    pub fn start(&self) -> u32 {
        self.size() as u32
    }

    /// The tokens that may stand at a place of a group; none beyond its last place.
    pub fn allowed(&self, place: usize) -> Range<u32> {
        let (mut first, mut places) = (0, 0);
        for level in &self.levels {
            places += level.places;
            if place < places {
                return first..first + level.codes;
            }
            first += level.codes;
        }
        first..first
    }
}

fn parse_level(field: &Field<'_>) -> Result<TokenLevel, PackError> {
    Ok(TokenLevel {
        name: field.at("name").text()?,
        codes: field.at("codes").count(2, MAX_CODES)? as u32,
        places: field.at("places").count(1, MAX_PLACES)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{TokenLevel, TokenVocabulary};

    #[test]
    fn each_place_allows_the_tokens_of_its_level() {
        let level = |codes, places| TokenLevel {
            name: String::new(),
            codes,
            places,
        };
        let vocabulary = TokenVocabulary {
            levels: vec![level(8, 1), level(16, 2)],
            group_frames: 2,
            before_groups: 0,
            after_groups: 0,
            temperature: 1.0,
            top_p: 1.0,
        };
        assert_eq!((vocabulary.size(), vocabulary.places()), (24, 3));
        let allowed: Vec<_> = (0..4).map(|place| vocabulary.allowed(place)).collect();
        assert_eq!(allowed, [0..8, 8..24, 8..24, 24..24]);
    }
}
