//! How much a page says. What does not fit is left out in this order: details of most steps, then details of the most important ones and lines
//! of the Dockerfile, and at last steps, those first that say least of the build ([`Reviewed::rank`](crate::debugger::Reviewed)).
//!
//! With the least room every list has a few entries and every text a few letters, so such a page is far smaller than it may be, whatever
//! was built.

/// How much of what is said at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Steps that have a part of their own.
    pub(super) steps: usize,
    /// Lines of the Dockerfile, and cells of one.
    pub(super) lines: usize,
    pub(super) line: usize,
    /// What is said of the most important steps, and of the build.
    pub(super) most: Detail,
    /// What is said of the other steps.
    pub(super) usual: Detail,
}

/// How much is said of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Detail {
    /// Entries of a state's files, and operations that set up a container.
    pub(super) entries: usize,
    /// Bytes of an output.
    pub(super) output: usize,
    /// Rows of any other list.
    pub(super) rows: usize,
    /// Cells of a value.
    pub(super) value: usize,
    /// Cells of a sentence, or of an instruction.
    pub(super) sentence: usize,
}

/// How many steps are the most important ones.
pub(super) const IMPORTANT: usize = 12;

impl Room {
    pub(super) const WHOLE: Room =
        Room { steps: 400, lines: 2000, line: 400, most: Detail::WHOLE, usual: Detail::WHOLE };

    /// Less room; `None` where there can't be less.
    pub(super) fn smaller(self) -> Option<Room> {
        let mut room = Room { usual: self.usual.smaller(), ..self };
        // With a quarter of the usual details, what is important gives way as well.
        if self.usual.entries <= Detail::WHOLE.entries / 4 {
            room.most = self.most.smaller();
            room.lines = (self.lines * 3 / 4).max(40);
            room.line = (self.line * 3 / 4).max(40);
        }
        if self.usual.entries <= Detail::WHOLE.entries / 8 {
            room.steps = (self.steps * 3 / 4).max(IMPORTANT);
        }
        (room != self).then_some(room)
    }
}

impl Detail {
    const WHOLE: Detail = Detail { entries: 320, output: 16 << 10, rows: 60, value: 160, sentence: 2000 };

    fn smaller(self) -> Detail {
        Detail {
            entries: (self.entries / 2).max(5),
            output: (self.output / 2).max(64),
            rows: (self.rows / 2).max(3),
            value: (self.value * 3 / 4).max(20),
            sentence: (self.sentence / 2).max(80),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{IMPORTANT, Room};

    #[test]
    fn room_shrinks_until_little_but_the_most_important_steps_is_left() {
        let rooms: Vec<Room> = std::iter::successors(Some(Room::WHOLE), |room| room.smaller()).collect();
        assert!(rooms.len() < 40, "{}", rooms.len());
        for (one, next) in rooms.iter().zip(&rooms[1..]) {
            // Steps come last, and what is important never has less than the rest.
            assert!(next.steps == one.steps || one.usual.entries <= Room::WHOLE.usual.entries / 8);
            assert!(next.most.entries >= next.usual.entries && next.most.output >= next.usual.output);
        }
        let least = rooms[rooms.len() - 1];
        assert_eq!((least.steps, least.most, least.lines), (IMPORTANT, least.usual, 40));
        assert!(least.most.output <= 64 && least.most.entries <= 5 && least.most.sentence <= 80);
    }
}
