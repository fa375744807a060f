"""The base of the generated DTOs."""

from pydantic import BaseModel, ConfigDict


class Dto(BaseModel):
    """A shape of the contract, filled from the attributes of the domain's objects."""

    model_config = ConfigDict(from_attributes=True, strict=True)
