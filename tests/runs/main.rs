//! `pyoco runs …` through the binary, on records that are made here.

mod more;
mod show;
mod space;
