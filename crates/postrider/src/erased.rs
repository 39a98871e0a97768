//! Pointers to what is dropped by way of a vtable.
//!
//! How a type is dropped is compiled again in each crate that drops one. Behind
//! a client, a request and a response that is the whole pool.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A `Box` that only this crate knows how to drop.
pub(crate) struct Owned<T>(Box<dyn Held<T> + Send>);

/// An `Arc` that only this crate knows how to drop, and still one pointer.
pub(crate) struct Shared<T>(Arc<Box<dyn Held<T> + Send + Sync>>);

trait Held<T> {
    fn get(&self) -> &T;
    fn get_mut(&mut self) -> &mut T;
}

impl<T> Held<T> for T {
    fn get(&self) -> &T {
        self
    }

    fn get_mut(&mut self) -> &mut T {
        self
    }
}

impl<T: Send + 'static> From<Box<T>> for Owned<T> {
    fn from(owned: Box<T>) -> Self {
        Self(owned)
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    pub(crate) fn new(shared: T) -> Self {
        Self(Arc::new(Box::new(shared)))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        (*self.0).get()
    }
}

impl<T> DerefMut for Owned<T> {
    fn deref_mut(&mut self) -> &mut T {
        (*self.0).get_mut()
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        (**self.0).get()
    }
}
