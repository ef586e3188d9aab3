"""Alder Bay, a made-up city: the data of the transit API.

Rule: no random numbers and no clock, so that the city is the same in every process.
"""

from dataclasses import dataclass
from itertools import count

NAME = "Alder Bay"

_DISTRICTS = (
    *("Alder", "Beacon", "Castle", "Dyers", "Elm", "Foundry"),
    *("Garden", "Harbour", "Linden", "Market", "North", "Orchard"),
)
_PLACES = (
    *("Bridge", "Square", "Park", "Gate", "Hill", "Street"),
    *("Station", "Cross", "Green", "Mill", "Yard", "Quay"),
)
_COLOURS = ("#c0392b", "#d35400", "#f1c40f", "#27ae60", "#16a085", "#2980b9", "#8e44ad")
_seeds = count()  # a number for each route, which determines the route's stops and colour


@dataclass(frozen=True)
class Stop:
    id: str
    name: str


@dataclass(frozen=True)
class Route:
    id: str
    name: str
    colour: str
    every_minutes: int
    stops: tuple[Stop, ...]

    @property
    def headsigns(self) -> tuple[str, str]:
        """The destinations on the vehicles, out and back."""
        return self.stops[-1].name, self.stops[0].name


@dataclass(frozen=True)
class Agency:
    id: str
    name: str
    vehicle: str
    routes: tuple[Route, ...]


def _stop(district: str, place: str) -> Stop:
    return Stop(f"{district}-{place}".lower(), f"{district} {place}")


STOPS = tuple(_stop(district, place) for district in _DISTRICTS for place in _PLACES)


def _stops(seed: int) -> tuple[Stop, ...]:
    """8 to 16 stops. The stride is too short for a route to return to its first stop."""
    length, stride = 8 + seed % 9, 1 + seed % 8
    return tuple(STOPS[(seed * 7 + step * stride) % len(STOPS)] for step in range(length))


def _route(agency: str, number: int, seed: int) -> Route:
    return Route(
        id=f"{agency}-{number}",
        name=f"{agency.title()} {number}",
        colour=_COLOURS[seed % len(_COLOURS)],
        every_minutes=5 + seed % 6 * 5,
        stops=_stops(seed),
    )


def _agency(agency: str, name: str, vehicle: str, size: int) -> Agency:
    routes = (_route(agency, number, next(_seeds)) for number in range(1, size + 1))
    return Agency(agency, name, vehicle, tuple(routes))


AGENCIES = (
    _agency("metro", "Alder Bay Metro", "metro train", 6),
    _agency("tram", "City Tramways", "tram", 14),
    _agency("bus", "Alder Bay Buses", "bus", 70),
    _agency("night", "Night Owl Lines", "bus", 16),
    _agency("airport", "Airport Express", "coach", 6),
    _agency("ferry", "Harbour Ferries", "ferry", 8),
    _agency("rail", "Coast Railway", "train", 12),
    _agency("cable", "Hillside Cable Cars", "cable car", 6),
)
ROUTES = tuple(route for agency in AGENCIES for route in agency.routes)
