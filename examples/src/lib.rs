//! Examples live beside this package's manifest, a folder each.
