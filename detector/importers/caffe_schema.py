"""What is read of Caffe's files, ``.caffemodel`` and ``.prototxt`` alike: our own, minimal statement of caffe.proto.

Sources: BVLC/caffe, and weiliu89/caffe for the layers of SSD. Both generations are known: ``layer`` with named kinds,
and the older ``layers`` (V1), of which only weights are read.
"""

from __future__ import annotations

from detector.importers.protobuf_wire import Schema

KIND = "Caffe model"
"""What a ``.caffemodel`` is called in messages."""

SHAPE: Schema = {1: ("dim", "whole")}
_BLOB_SHAPE: Schema = {
    1: ("num", "whole"),
    2: ("channels", "whole"),
    3: ("height", "whole"),
    4: ("width", "whole"),
    7: ("shape", SHAPE),
}
_BLOB: Schema = {**_BLOB_SHAPE, 5: ("data", "reals32"), 8: ("double_data", "reals64")}
_RULE: Schema = {1: ("phase", "whole")}
_PRIOR_BOX: Schema = {
    1: ("min_size", "real"),
    2: ("max_size", "real"),
    3: ("aspect_ratio", "real"),
    4: ("flip", "whole"),
    5: ("clip", "whole"),
    6: ("variance", "real"),
    7: ("img_size", "whole"),
    8: ("img_h", "whole"),
    9: ("img_w", "whole"),
    10: ("step", "real"),
    11: ("step_h", "real"),
    12: ("step_w", "real"),
    13: ("offset", "real"),
}
_TRANSFORM: Schema = {
    1: ("scale", "real"),
    5: ("mean_value", "real"),
    8: ("resize_param", {3: ("height", "whole"), 4: ("width", "whole")}),
}
_CONVOLUTION: Schema = {
    1: ("num_output", "whole"),
    2: ("bias_term", "whole"),
    3: ("pad", "whole"),
    4: ("kernel_size", "whole"),
    5: ("group", "whole"),
    6: ("stride", "whole"),
    9: ("pad_h", "whole"),
    10: ("pad_w", "whole"),
    11: ("kernel_h", "whole"),
    12: ("kernel_w", "whole"),
    13: ("stride_h", "whole"),
    14: ("stride_w", "whole"),
    16: ("axis", "whole"),
    18: ("dilation", "whole"),
}
_POOLING: Schema = {
    1: ("pool", "whole"),
    2: ("kernel_size", "whole"),
    3: ("stride", "whole"),
    4: ("pad", "whole"),
    5: ("kernel_h", "whole"),
    6: ("kernel_w", "whole"),
    7: ("stride_h", "whole"),
    8: ("stride_w", "whole"),
    9: ("pad_h", "whole"),
    10: ("pad_w", "whole"),
    12: ("global_pooling", "whole"),
    13: ("round_mode", "whole"),
}
_DETECTION: Schema = {
    1: ("num_classes", "whole"),
    2: ("share_location", "whole"),
    3: ("background_label_id", "whole"),
    4: ("nms_param", {1: ("nms_threshold", "real"), 2: ("top_k", "whole")}),
    6: ("code_type", "whole"),
    7: ("keep_top_k", "whole"),
    8: ("variance_encoded_in_target", "whole"),
}
_LOSS: Schema = {
    2: ("conf_loss_type", "whole"),
    4: ("num_classes", "whole"),
    5: ("share_location", "whole"),
    9: ("background_label_id", "whole"),
    14: ("code_type", "whole"),
    16: ("encode_variance_in_target", "whole"),
}
_SETTINGS: Schema = {
    100: ("transform_param", _TRANSFORM),
    104: ("concat_param", {1: ("concat_dim", "whole"), 2: ("axis", "whole")}),
    106: ("convolution_param", _CONVOLUTION),
    110: ("eltwise_param", {1: ("operation", "whole"), 2: ("coeff", "real")}),
    116: (
        "inner_product_param",
        {1: ("num_output", "whole"), 2: ("bias_term", "whole"), 5: ("axis", "whole"), 6: ("transpose", "whole")},
    ),
    118: (
        "lrn_param",
        {
            1: ("local_size", "whole"),
            2: ("alpha", "real"),
            3: ("beta", "real"),
            4: ("norm_region", "whole"),
            5: ("k", "real"),
        },
    ),
    121: ("pooling_param", _POOLING),
    122: ("power_param", {1: ("power", "real"), 2: ("scale", "real"), 3: ("shift", "real")}),
    123: ("relu_param", {1: ("negative_slope", "real")}),
    125: ("softmax_param", {2: ("axis", "whole")}),
    126: ("slice_param", {1: ("slice_dim", "whole"), 2: ("slice_point", "whole"), 3: ("axis", "whole")}),
    133: ("reshape_param", {1: ("shape", SHAPE), 2: ("axis", "whole"), 3: ("num_axes", "whole")}),
    135: ("flatten_param", {1: ("axis", "whole"), 2: ("end_axis", "whole")}),
    139: ("batch_norm_param", {3: ("eps", "real")}),
    140: ("elu_param", {1: ("alpha", "real")}),
    142: ("scale_param", {1: ("axis", "whole"), 2: ("num_axes", "whole"), 4: ("bias_term", "whole")}),
    143: ("input_param", {1: ("shape", SHAPE)}),
    201: ("multibox_loss_param", _LOSS),
    202: ("permute_param", {1: ("order", "whole")}),
    203: ("prior_box_param", _PRIOR_BOX),
    204: ("detection_output_param", _DETECTION),
    206: ("norm_param", {1: ("across_spatial", "whole"), 3: ("channel_shared", "whole"), 4: ("eps", "real")}),
}
_LAYER: Schema = {
    1: ("name", "text"),
    2: ("type", "text"),
    3: ("bottom", "text"),
    4: ("top", "text"),
    8: ("include", _RULE),
    9: ("exclude", _RULE),
    **_SETTINGS,
}


def _net(blob: Schema) -> Schema:
    return {
        1: ("name", "text"),
        2: ("layers", {4: ("name", "text"), 6: ("blobs", blob)}),
        3: ("input", "text"),
        4: ("input_dim", "whole"),
        8: ("input_shape", SHAPE),
        100: ("layer", {**_LAYER, 7: ("blobs", blob)}),
    }


NET = _net(_BLOB)
"""A whole ``NetParameter``."""
OUTLINE = _net(_BLOB_SHAPE)
"""Likewise, without the numbers of its weights."""

WORDS: dict[str, dict[str, int]] = {
    "phase": {"TRAIN": 0, "TEST": 1},
    "pool": {"MAX": 0, "AVE": 1, "STOCHASTIC": 2},
    "round_mode": {"CEIL": 0, "FLOOR": 1},
    "operation": {"PROD": 0, "SUM": 1, "MAX": 2},
    "norm_region": {"ACROSS_CHANNELS": 0, "WITHIN_CHANNEL": 1},
    "code_type": {"CORNER": 1, "CENTER_SIZE": 2, "CORNER_SIZE": 3},
    "conf_loss_type": {"SOFTMAX": 0, "LOGISTIC": 1},
}
"""What the text format has words for, by the name of the field."""
