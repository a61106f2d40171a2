"""Makes ``everyday``, the detector of the 80 COCO classes that the program is shipped with."""
