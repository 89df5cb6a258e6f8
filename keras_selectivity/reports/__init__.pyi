"""Figures and pages drawn from tidy results."""

from ._catalogue import kinds as kinds
from ._claims import claims_text as claims_text
from ._comparison import Reported as Reported
from ._comparison import write_comparison as write_comparison
from ._figures import draw as draw
from ._output import check_page as check_page
from ._page import write_page as write_page
from ._status import show as show
from ._status import status_table as status_table
from ._status import study_table as study_table
from ._tables import WIDTH as WIDTH
from ._tables import layer_table as layer_table
from ._tables import table as table
