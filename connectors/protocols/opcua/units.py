"""
Engineering units (OPC 10000-8 §5.6.3): from the UN/ECE code that a server names to the UCUM code of ours.
"""

from typing import Any

from connectors.protocols.opcua.values import ExtensionObject, read_localized_text

_UCUM = {
    "AMP": "A",
    "B22": "kA",
    "4K": "mA",
    "B84": "uA",
    "VLT": "V",
    "2G": "V",
    "2H": "V",
    "KVT": "kV",
    "B78": "MV",
    "2Z": "mV",
    "WTT": "W",
    "KWT": "kW",
    "MAW": "MW",
    "A90": "GW",
    "C31": "mW",
    "WHR": "W.h",
    "KWH": "kW.h",
    "MWH": "MW.h",
    "GWH": "GW.h",
    "D46": "V.A",
    "KVA": "kV.A",
    "MVA": "MV.A",
    "D44": "V.A{reactive}",
    "KVR": "kV.A{reactive}",
    "K5": "kV.A{reactive}",
    "MAR": "MV.A{reactive}",
    "K3": "kV.A.h{reactive}",
    "MAH": "MV.A.h{reactive}",
    "C79": "kV.A.h",
    "OHM": "Ohm",
    "B49": "kOhm",
    "B75": "MOhm",
    "SIE": "S",
    "FAR": "F",
    "81": "H",
    "D33": "T",
    "HTZ": "Hz",
    "KHZ": "kHz",
    "MHZ": "MHz",
    "A86": "GHz",
    "P1": "%",
    "59": "[ppm]",
    "C62": "1",
    "CEL": "Cel",
    "FAH": "[degF]",
    "KEL": "K",
    "BAR": "bar",
    "MBR": "mbar",
    "PAL": "Pa",
    "KPA": "kPa",
    "MPA": "MPa",
    "NEW": "N",
    "NU": "N.m",
    "JOU": "J",
    "KJO": "kJ",
    "3B": "MJ",
    "LUX": "lx",
    "2N": "dB",
    "DD": "deg",
    "C81": "rad",
    "MTR": "m",
    "KMT": "km",
    "CMT": "cm",
    "MMT": "mm",
    "MTK": "m2",
    "MTQ": "m3",
    "LTR": "L",
    "MLT": "mL",
    "KGM": "kg",
    "GRM": "g",
    "TNE": "t",
    "MTS": "m/s",
    "KMH": "km/h",
    "C16": "mm/s",
    "RPM": "{rev}/min",
    "MQH": "m3/h",
    "MQS": "m3/s",
    "L2": "L/min",
    "G51": "L/s",
    "E32": "L/h",
    "D54": "W/m2",
    "B98": "us",
    "C26": "ms",
    "SEC": "s",
    "MIN": "min",
    "HUR": "h",
    "DAY": "d",
}


def unece_code(unit_id: int) -> str:
    """The UN/ECE code that a UnitId holds, one character a byte: 4937556 is `KWT`; empty if it holds none."""
    if not 0 < unit_id < 1 << 32:
        return ""
    code = unit_id.to_bytes(4, "big").lstrip(b"\0")
    return code.decode() if code.isascii() and code.isalnum() else ""


def read_unit(value: Any) -> str:
    """
    The UCUM code of an `EUInformation`; a unit that we have no code for keeps the server's own sign, and what
    is no unit at all is empty.
    """
    if not isinstance(value, ExtensionObject) or not isinstance(value.body, dict):
        return ""
    try:
        code = unece_code(int(value.body.get("UnitId") or 0))
    except (TypeError, ValueError):
        code = ""
    if code in _UCUM:
        return _UCUM[code]
    try:
        return read_localized_text(value.body.get("DisplayName")).text.strip()
    except ValueError:
        return ""
