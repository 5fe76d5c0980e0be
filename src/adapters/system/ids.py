from uuid import UUID

import uuid_utils.compat


class UuidV7Ids:
    """UUIDv7 of RFC 9562, by uuid-utils; Python has its own from 3.14 on."""

    def new(self) -> UUID:
        return uuid_utils.compat.uuid7()
