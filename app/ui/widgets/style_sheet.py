"""The style sheet of the window: it only rounds what Fusion leaves square. Pure but for where the icons lie."""

from __future__ import annotations

from dataclasses import asdict
from string import Template

from app.ui.widgets.colours import DARK, Colours
from detector.bundled_files import bundled_path

_SHEET = Template("""
QMainWindow, QDialog { background: $window; }
QToolTip { background: $surface; color: $text; border: 1px solid $border; padding: 4px 6px; }
QFrame#bar, QFrame#panel, QFrame#side, QWidget#panelBody { background: $surface; }
QFrame#topBar { background: $surface; border: 0; border-bottom: 1px solid $border; }
QFrame#bottomBar { background: $surface; border: 0; border-top: 1px solid $border; }
QFrame#panel { border: 0; }
QFrame#side { border: 0; border-left: 1px solid $border; }
QFrame#preview { background: $surface; border: 1px solid $border; border-radius: 8px; }
QLabel#muted { color: $muted; }
QLabel#seen { color: $text; font-weight: 600; }
QFrame#notice { background: rgba(10, 12, 15, 215); border: 0; border-radius: 9px; }
QFrame#notice QLabel { background: transparent; color: #f4f6f8; font-weight: 600; }
QFrame#notice QLabel#plain { font-weight: 400; }
QFrame#notice QPushButton { background: rgba(255, 255, 255, 36); color: #ffffff; padding: 4px 10px;
  border: 1px solid rgba(255, 255, 255, 90); }
QFrame#notice QPushButton:hover { background: rgba(255, 255, 255, 70); }
QFrame#notice QPushButton:focus { border: 1px solid #ffffff; }
QLabel#title { font-size: 22px; font-weight: 600; }
QLabel#heading { font-size: 15px; font-weight: 600; }
QLabel#section { font-weight: 600; color: $text; }
QLabel#key { background: $raised; border: 1px solid $border; border-radius: 5px; padding: 2px 7px; font-weight: 600; }
QLabel#demo { background: $warning; color: $window; border-radius: 5px; padding: 2px 7px; font-weight: 600; }

QPushButton, QToolButton { background: $raised; color: $text; border: 1px solid $border; border-radius: 7px;
  padding: 6px 12px; }
QPushButton:hover, QToolButton:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed { background: $border; }
QLabel#live { background: transparent; border: 1px solid $danger; border-radius: 5px; padding: 2px 7px; color: $danger;
  font-weight: 600; }
QLabel#live:disabled { border-color: $border; color: $muted; font-weight: 400; }
QPushButton:disabled, QToolButton:disabled { color: $muted; background: $surface; }
QPushButton:focus, QToolButton:focus { border: 1px solid $accent; }
QPushButton#primary { background: $accent; color: $on_accent; border: 1px solid $accent; font-weight: 600; }
QPushButton#primary:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton#primary:disabled { background: $raised; color: $muted; border-color: $border; }
QPushButton#preset:checked { border: 1px solid $accent; background: $hover; }
QPushButton#link { background: transparent; border: 1px solid transparent; color: $accent; padding: 2px 4px; }
QPushButton#link { background: transparent; border: 1px solid transparent; color: $link; padding: 2px 0; }
QPushButton#link:hover { text-decoration: underline; }
QPushButton#link:focus { border: 1px solid $accent; }
QToolButton#flat { background: transparent; border: 1px solid transparent; padding: 5px; }
QToolButton#flat:hover { background: $raised; }
QToolButton#flat:checked { background: $raised; border-color: $border; }
QToolButton#flat:focus { border: 1px solid $accent; }
QToolButton#flat:disabled { background: transparent; }
QToolButton::menu-indicator { image: none; width: 0; }
QToolButton#menu { padding: 6px 30px 6px 10px; }
QToolButton#menu::menu-indicator { image: url("$chevron"); width: 14px; height: 14px; subcontrol-origin: padding;
  subcontrol-position: right center; right: 9px; }
QFileDialog { backward-icon: url("$file_back"); forward-icon: url("$file_forward");
  filedialog-parent-directory-icon: url("$file_up"); filedialog-new-directory-icon: url("$file_new");
  filedialog-listview-icon: url("$file_list"); filedialog-detailedview-icon: url("$file_details"); }
QFileDialog QToolButton { padding: 2px; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QPushButton#row { text-align: left; background: transparent; border: 1px solid transparent; padding: 0; }
QPushButton#row:hover { background: $raised; }
QPushButton#row:focus { border: 1px solid $accent; }
QPushButton#card { text-align: left; border-radius: 12px; background: $surface; padding: 0; }
QPushButton#card:hover { background: $raised; border-color: $accent; }
QPushButton#modelCard { text-align: left; border-radius: 10px; background: $surface; padding: 0; }
QPushButton#modelCard:hover { background: $raised; }
QPushButton#modelCard:checked { border: 1px solid $accent; background: $raised; }
QPushButton#modelCard:focus { border: 2px solid $accent; }
QPushButton#modelCard QProgressBar { background: $border; }
QLabel#chip { background: $raised; border: 1px solid $border; border-radius: 5px; padding: 1px 6px; color: $muted; }
QLabel#chipUsed { background: $accent; border: 1px solid $accent; border-radius: 5px; padding: 1px 6px;
  color: $on_accent; font-weight: 600; }
QLabel#chipBad { border: 1px solid $danger; border-radius: 5px; padding: 1px 6px; color: $danger; font-weight: 600; }
QLabel#chipDemo { border: 1px solid $warning; border-radius: 5px; padding: 1px 6px; color: $warning;
  font-weight: 600; }
QLabel#found { color: $success; font-weight: 600; }
QLabel#bad { color: $danger; }

QLineEdit, QComboBox, QAbstractSpinBox { background: $raised; color: $text; border: 1px solid $border;
  border-radius: 6px; padding: 4px 8px; selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit { placeholder-text-color: $muted; }
QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus { border: 1px solid $accent; }
QLineEdit[wrong="true"] { border: 1px solid $danger; }
/* Qt gives a spin box no padding at its sides: buttons without height keep the number off the border instead. */
QAbstractSpinBox::up-button { subcontrol-position: center left; width: 8px; height: 0; border: 0; }
QAbstractSpinBox::down-button { subcontrol-position: center right; width: 8px; height: 0; border: 0; }
QAbstractSpinBox QLineEdit { border: 0; padding: 0; background: transparent; }
QComboBox::drop-down { border: 0; width: 22px; }
QComboBox::down-arrow { image: url("$chevron"); width: 14px; height: 14px; }
QComboBox QAbstractItemView { background: $surface; color: $text; border: 1px solid $border; padding: 4px;
  selection-background-color: $accent; selection-color: $on_accent; outline: 0; }
QComboBox:disabled, QLineEdit:disabled, QAbstractSpinBox:disabled { color: $muted; }

QCheckBox { spacing: 8px; }
QCheckBox::indicator, QListView::indicator { width: 16px; height: 16px; border-radius: 4px; border: 1px solid $muted;
  background: $raised; }
QCheckBox::indicator:hover { border-color: $accent; }
QCheckBox::indicator:focus { border-color: $accent; }
QCheckBox::indicator:checked, QListView::indicator:checked { background: $accent; border-color: $accent;
  image: url("$check"); }
QRadioButton { spacing: 8px; }
QRadioButton:disabled { color: $muted; }
QRadioButton::indicator { width: 14px; height: 14px; border-radius: 8px; border: 1px solid $muted;
  background: $raised; }
QRadioButton::indicator:hover, QRadioButton::indicator:focus { border-color: $accent; }
QRadioButton::indicator:checked { width: 6px; height: 6px; border: 5px solid $accent; background: $on_accent; }

QSlider { min-height: 20px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $border; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: $accent; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; background: $accent; }
QSlider::handle:horizontal:hover { background: $accent_hover; }
QSlider::handle:horizontal:focus { border: 2px solid $text; width: 10px; height: 10px; }
QSlider::sub-page:horizontal:disabled, QSlider::handle:horizontal:disabled { background: $muted; }

QProgressBar { background: $raised; border: 0; border-radius: 5px; min-height: 10px; max-height: 10px; }
QProgressBar::chunk { background: $accent; border-radius: 5px; }

QTabBar#sideTabs { background: $surface; }
QTabBar#sideTabs::tab { background: transparent; color: $muted; border: 0; border-bottom: 2px solid $border;
  padding: 10px 8px 8px 8px; }
QTabBar#sideTabs::tab:hover { color: $text; }
QTabBar#sideTabs::tab:selected { color: $text; border-bottom: 2px solid $accent; font-weight: 600; }
QTabBar#sideTabs::tab:focus { color: $link; }
QListView#events { background: $surface; outline: 0; }
QToolButton#filter { background: transparent; border: 1px solid $border; border-radius: 11px; padding: 2px 9px;
  color: $muted; }
QToolButton#filter:hover { background: $raised; color: $text; }
QToolButton#filter:focus { border: 1px solid $accent; }
QToolButton#filter[filters="true"] { background: $raised; border: 1px solid $accent; color: $text; }

QListView#completions { background: $surface; color: $text; border: 1px solid $accent; border-radius: 6px;
  padding: 4px; outline: 0; }
QListView#completions::item { border-radius: 4px; padding: 4px 6px; color: $text; }
QListView#completions::item:hover, QListView#completions::item:selected { background: $accent; color: $on_accent; }
QListWidget { background: $raised; border: 1px solid $border; border-radius: 7px; padding: 3px; outline: 0; }
QListWidget::item { border-radius: 5px; padding: 3px 4px; color: $text; }
QListWidget::item:hover, QListWidget::item:selected { background: $hover; color: $text; }

QMenu { background: $surface; color: $text; border: 1px solid $border; border-radius: 8px; padding: 5px; }
QMenu::item { padding: 6px 26px 6px 10px; border-radius: 5px; }
QMenu::item:selected { background: $accent; color: $on_accent; }
QMenu::item:disabled { color: $muted; background: transparent; }
QMenu::icon { padding-left: 8px; }
QMenu::separator { height: 1px; background: $border; margin: 5px 6px; }

QScrollArea { border: 0; background: transparent; }
QScrollBar:vertical { width: 10px; background: transparent; margin: 2px; }
QScrollBar::handle:vertical { background: $border; border-radius: 3px; min-height: 28px; }
QScrollBar::handle:vertical:hover { background: $muted; }
QScrollBar:horizontal { height: 10px; background: transparent; margin: 2px; }
QScrollBar::handle:horizontal { background: $border; border-radius: 3px; min-width: 28px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QTextBrowser, QPlainTextEdit { background: $surface; color: $text; border: 1px solid $border; border-radius: 7px;
  padding: 6px; }
""")


def style_sheet(colours: Colours) -> str:
    """Returns the sheet in these colours."""
    names = {"chevron": "chevron-down-muted", "check": "check-white"}
    look = "dark" if colours == DARK else "light"
    names |= {f"file_{name}": f"file-{name}-{look}" for name in ("back", "forward", "up", "new", "list", "details")}
    files = {key: bundled_path("assets", "icons", f"{name}.svg").as_posix() for key, name in names.items()}
    return _SHEET.substitute(asdict(colours), **files)
