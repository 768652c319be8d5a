//! The project about itself: how it is laid out, and that its book tells of the code that is there.

mod book;
mod code;
mod drawings;
mod links;
mod reference;
mod rooms;
mod tidy;
mod uses;
