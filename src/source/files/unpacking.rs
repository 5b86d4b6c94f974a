//! Unpacks gzip and zstd, within limits: a small file must not become endless rows, nor take the memory of all others.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;

use super::file_limits::{FIRST_BYTES, FileLimits};

/// From this size on a file may not be unpacked to more than [`MOST_RATIO`] times its size.
///
/// Gzip reaches 1,032 at most, and only with the same byte again and again. Rows with a key of their own stay far below 100.
const FREE_BYTES: u64 = 256 << 20;
const MOST_RATIO: u64 = 500;
/// The most bytes of a zstd window: what `zstd` writes by default has 8 MiB at most, and with `--long` 128 MiB.
const USUAL_WINDOW: u64 = 8 << 20;
const LARGEST_WINDOW: u64 = 128 << 20;

/// Unpacks a file of this size, if it is packed.
///
/// # Errors
///
/// The fault of the file, or a zstd window that is too large.
pub(super) fn unpacked(
    mut bytes: impl BufRead + 'static,
    size: u64,
    limits: &FileLimits,
) -> io::Result<Box<dyn Read>> {
    let begin = bytes.fill_buf()?;
    let unpacked: Box<dyn Read> = match begin {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(bytes)),
        [0x28, 0xb5, 0x2f, 0xfd, header @ ..] => {
            let window = window_of(header);
            check_window(window, limits)?;
            let mut decoder = zstd::Decoder::with_buffer(bytes)?;
            decoder.window_log_max(window.max(USUAL_WINDOW).next_power_of_two().ilog2())?;
            Box::new(decoder)
        }
        _ => return Ok(Box::new(bytes)),
    };

    Ok(Box::new(Unpacked {
        file: unpacked,
        bytes: 0,
        most: FREE_BYTES.max(size.saturating_mul(MOST_RATIO)),
        limits: limits.clone(),
    }))
}

fn check_window(window: u64, limits: &FileLimits) -> io::Result<()> {
    if window > LARGEST_WINDOW {
        return Err(limits.refuse(
            "its zstd window is larger than 128 MiB; pack it with `zstd --long=27` or a smaller window",
        ));
    }
    let window = usize::try_from(window.max(1 << 20)).unwrap_or(usize::MAX);

    limits.grow_to(FIRST_BYTES + window)
}

/// The bytes of a frame's window, by the header of RFC 8878 after the magic number; the most if the header is cut.
fn window_of(header: &[u8]) -> u64 {
    let Some((descriptor, rest)) = header.split_first() else {
        return USUAL_WINDOW;
    };
    let is_single_segment = descriptor & 0x20 != 0;
    if !is_single_segment {
        let window = rest.first().copied().unwrap_or_default();
        let base = 1_u64 << (10 + (window >> 3));
        return base + base / 8 * u64::from(window & 7);
    }
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let length = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let mut size = [0; 8];
    let Some(written) = rest.get(dictionary..dictionary + length) else {
        return USUAL_WINDOW;
    };
    size[..length].copy_from_slice(written);

    u64::from_le_bytes(size) + if length == 2 { 256 } else { 0 }
}

/// An unpacked file. Its reads fail when it becomes too large for its packed size.
struct Unpacked {
    file: Box<dyn Read>,
    bytes: u64,
    most: u64,
    limits: FileLimits,
}

impl Read for Unpacked {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.limits.check_wanted()?;
        let read = self.file.read(room)?;
        self.bytes += read as u64;
        if self.bytes > self.most {
            return Err(self.limits.refuse(format!(
                "it unpacks to more than 256 MiB and {MOST_RATIO} times its size, as no file of rows does; send it with less repetition, or unpacked"
            )));
        }

        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_read_from_the_header_of_a_frame() {
        for (level, length) in [(1, 100), (3, 3_000_000)] {
            let mut encoder = zstd::Encoder::new(Vec::new(), level).expect("an encoder");
            encoder.window_log(24).expect("a window");
            std::io::copy(&mut std::io::repeat(7).take(length), &mut encoder).expect("packed");
            let packed = encoder.finish().expect("packed");
            assert_eq!(window_of(&packed[4..]), 1 << 24, "{level} {length}");
        }
        let whole = zstd::bulk::compress(&[7; 5_000], 1).expect("packed");
        assert_eq!(window_of(&whole[4..]), 5_000);
    }
}
