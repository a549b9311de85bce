"""One package of a disclosure: the record, the same to read and print, pictures, cover sheet, manifest and signature.

`write_package(contents, ...)` gives the ZIP in pieces and, once it is whole, `.proven`; `readable_html(contents)` is
the page in it with tiles for pictures, `as_sent` the page itself, for whoever signs.
"""

from fhir_plugin.disclose.package.password import new_password
from fhir_plugin.disclose.package.preview import AS_SENT, as_sent, readable_html
from fhir_plugin.disclose.package.writing import Package, ProvenPackage, write_package

__all__ = ["AS_SENT", "Package", "ProvenPackage", "as_sent", "new_password", "readable_html", "write_package"]
