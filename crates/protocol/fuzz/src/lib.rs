//! What the fuzz targets check. The project's tests replay the saved inputs
//! through the same functions.

pub mod chunked;
pub mod drive;
pub mod request;
pub mod response;
pub mod splits;
pub mod strict;
