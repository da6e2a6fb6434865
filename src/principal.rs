//! Who asks.

use sha2::{Digest as _, Sha256};

use crate::ids::{ClientId, DeviceId};

/// Who asks, as far as that is proved. It comes with each request; no rule looks at keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Nobody that is known: the request came in a plain datagram.
    Plain,
    /// The holder of a device's key: the request came sealed.
    Device(DeviceId),
}

impl Principal {
    /// The name by which the judge of duplicates knows a client of this principal.
    ///
    /// A plain client is known by its client id alone. A device's client ids are its own, whatever
    /// others draw: no device can speak in the name of another's client, nor guess such a name, because
    /// it would have to find a second preimage of 128 bits.
    #[must_use]
    pub fn client(self, client: ClientId) -> ClientId {
        match self {
            Self::Plain => client,
            Self::Device(device) => {
                // R-SEALED-6
                let hash = Sha256::new()
                    .chain_update(b"rollcall/1 client")
                    .chain_update(device.as_bytes())
                    .chain_update(client.as_bytes())
                    .finalize();
                ClientId::from_bytes(*hash.first_chunk().expect("32 bytes"))
            }
        }
    }
}
