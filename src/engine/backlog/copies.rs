//! Private files for what waits in too many others, or in too much memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Weak};

use super::turns::Block;
use crate::event::Chunk;

/// How long a file of copies becomes, in bytes, before another one is begun: so the disk holds at most
/// about two of these more than what still waits, and a descriptor is good for much.
const MAX_COPIES: u64 = 256 << 20;
/// Where output is copied to once it waits in too many files, and notes of turns once they are many:
/// private files without a name. Each is
/// gone with the last of what waits in it.
///
/// They have a lock of their own, for a disk may hang: then it holds up the tasks' workers, which write
/// their logs anyhow, and not the runner.
#[derive(Debug)]
pub(in crate::engine) struct Copies {
    /// The newest, while anything waits in it.
    pub(super) file: Weak<File>,
    end: u64,
    /// At which length another one is begun.
    most: u64,
}

impl Default for Copies {
    fn default() -> Copies {
        Copies::up_to(MAX_COPIES)
    }
}

impl Copies {
    /// Returns none yet; each file is to become about so long.
    pub(super) fn up_to(most: u64) -> Copies {
        Copies { file: Weak::new(), end: 0, most }
    }

    /// Returns the same output in a file of these; as it is where that fails: rather one more file than
    /// less output.
    pub(in crate::engine) fn copy(&mut self, chunk: Chunk) -> Chunk {
        self.try_copy(&chunk).unwrap_or(chunk)
    }

    /// Takes the notes of a block out of memory; they stay there where that fails.
    pub(in crate::engine) fn keep(&mut self, block: &Block) {
        let Some(bytes) = block.in_memory() else { return };
        let kept = self.file().and_then(|file| {
            let at = self.end;
            file.write_all_at(&bytes, at)?;
            self.end += bytes.len() as u64;
            Ok((file, at))
        });
        if let Ok((file, at)) = kept {
            block.is_kept_in(file, at);
        }
    }

    fn try_copy(&mut self, chunk: &Chunk) -> io::Result<Chunk> {
        let file = self.file()?;
        let start = self.end;
        chunk.read(&mut |bytes| {
            file.write_all_at(bytes, self.end)?;
            self.end += bytes.len() as u64;
            Ok(())
        })?;
        Ok(Chunk::in_file(chunk.stream, file, start, self.end - start))
    }

    /// Returns the file that is written to now.
    fn file(&mut self) -> io::Result<Arc<File>> {
        match self.file.upgrade().filter(|_| self.end < self.most) {
            Some(file) => Ok(file),
            None => {
                let file = Arc::new(tempfile::tempfile()?);
                (self.file, self.end) = (Arc::downgrade(&file), 0);
                Ok(file)
            }
        }
    }
}
