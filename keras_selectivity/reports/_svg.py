"""Vector pictures that stand inside a page: small, with what their points say, and with names of their own."""

import re
from collections.abc import Mapping
from collections.abc import Sequence
from xml.etree import ElementTree

_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_LONG = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
# Texts take the page's font, and stand upright unless they are turned
_FAMILY = re.compile(r"(?<=font: )([^';]*)'[^;]*|font-family: [^;]*;? ?")
_UNTURNED = re.compile(r"rotate\(-?0 [^)]*\)")
_REACH = "5"  # points around a marker in which its text appears


def inside(svg: str, name: str, hints: Mapping[str, Sequence[str]], alternative: str) -> str:
    """A picture of matplotlib as an element of a page.

    Args:
        svg: The file, with texts as texts.
        name: What its references begin with, unlike those of other pictures of the page.
        hints: A text for each marker of the groups with an id.
        alternative: What the picture shows, in words.
    """
    root = ElementTree.fromstring(svg)
    kept: dict[str, str] = {}
    for element in list(root.iter()):
        element.tag = _local(element.tag)
        element.attrib = {_local(key): _short(value) for key, value in element.attrib.items()}
        if _UNTURNED.fullmatch(element.attrib.get("transform", "")):
            del element.attrib["transform"]
        if element.attrib.get("id") in hints:
            _say(element, hints[element.attrib["id"]])
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("metadata", "style"):
                parent.remove(child)
        _share_style(parent)
    wanted = {each for element in root.iter() for each in _references(element)}
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in wanted:
            kept[own] = f"{name}-{len(kept)}"
            element.attrib["id"] = kept[own]
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "href" and value[1:] in kept:
                element.attrib[key] = f"#{kept[value[1:]]}"
            elif "url(#" in value:
                element.attrib[key] = _REFERENCE.sub(
                    lambda found: f"url(#{kept.get(found[1], found[1])})", value
                )
    width = float(root.attrib["width"].removesuffix("pt"))
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "style": f"--width: {width:.0f}",
        "role": "img",
        "aria-label": alternative,
    }
    text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    return re.sub(r">\s+<", "><", text)


def _say(group: ElementTree.Element, texts: Sequence[str]) -> None:
    """Puts a text behind each marker of a line, or all of them behind the line where markers are cut off."""
    markers = [(parent, child) for parent in group.iter() for child in parent if _local(child.tag) == "use"]
    if len(markers) != len(texts):
        title = ElementTree.Element("title")
        title.text = texts[0] if len(texts) == 1 else f"{texts[0]} … {texts[-1]}"
        group.insert(0, title)
        return
    for (parent, marker), text in zip(markers, texts, strict=True):
        x, y = (_short(marker.get(side, "0")) for side in "xy")
        area = {"cx": x, "cy": y, "r": _REACH, "class": "hint"}
        title = ElementTree.SubElement(ElementTree.SubElement(parent, "circle", area), "title")
        title.text = text


def _share_style(parent: ElementTree.Element) -> None:
    """Says once, of the group, what all markers of it look like."""
    markers = [child for child in parent if child.tag == "use"]
    styles = {marker.get("style") for marker in markers}
    if len(markers) > 1 and len(styles) == 1 and "style" not in parent.attrib and (style := styles.pop()):
        parent.attrib["style"] = style
        for marker in markers:
            del marker.attrib["style"]


def _references(element: ElementTree.Element) -> list[str]:
    found = [each for value in element.attrib.values() for each in _REFERENCE.findall(value)]
    target = element.get("href", "")
    return [*found, target[1:]] if target.startswith("#") else found


def _short(value: str) -> str:
    """An attribute with numbers as long as a picture needs, and the page's font."""
    if value.startswith("data:"):
        return value
    return _FAMILY.sub(lambda found: f"{found[1]}system-ui" if found[1] else "", _LONG.sub(_rounded, value))


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


def _local(name: str) -> str:
    return name.rpartition("}")[2]
