"""Families of networks as tiny configurations: what the package must be able to regularise."""

import keras
import numpy as np
from keras import layers
from keras import ops

CLASSES = 3


def image(body, shape=(16, 16, 3)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layers.Dense(CLASSES)(body(inputs)))


def hub(name, num_classes=CLASSES, head=None, **options):
    """A classifier task of Keras Hub around a backbone of this size, without a download; `head` is of the task
    alone."""

    def build():
        import keras_hub.models as models

        backbone = getattr(models, f"{name}Backbone")(**options)
        kind = "Text" if "vocabulary_size" in options else "Image"
        task = getattr(models, f"{name}{kind}Classifier")
        return task(backbone=backbone, num_classes=num_classes, **(head or {}))

    return build


def applications(name, side=64):
    def build():
        make = getattr(keras.applications, name)
        return make(weights=None, input_shape=(side, side, 3), classes=CLASSES)

    return build


@keras.saving.register_keras_serializable("zoo")
class Mixer(layers.Layer):
    """Sublayers that are made in `build`, a tuple of them, and operations in `call`."""

    def build(self, shape):
        self.norms = (layers.LayerNormalization(), layers.LayerNormalization())
        self.tokens, self.channels = layers.Dense(shape[1]), layers.Dense(shape[2])
        for norm in self.norms:
            norm.build(shape)
        self.tokens.build((shape[0], shape[2], shape[1]))
        self.channels.build(shape)

    def call(self, x):
        mixed = ops.transpose(ops.gelu(self.tokens(ops.transpose(self.norms[0](x), (0, 2, 1)))), (0, 2, 1))
        return x + ops.gelu(self.channels(self.norms[1](x + mixed)))


@keras.saving.register_keras_serializable("zoo")
class SwiGLU(layers.Layer):
    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.gate, self.up, self.down = layers.Dense(width), layers.Dense(width), layers.Dense(width)

    def call(self, x):
        return self.down(ops.silu(self.gate(x)) * self.up(x))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


class Tied(keras.Model):
    """One layer in two places, and no configuration."""

    def __init__(self):
        super().__init__()
        self.shared, self.head = layers.Dense(8, activation="relu"), layers.Dense(CLASSES)

    def call(self, x):
        return self.head(self.shared(self.shared(layers.Flatten()(x))))

    def get_config(self):
        raise NotImplementedError


def tied():
    model = Tied()
    model(np.zeros((1, 2, 4), "float32"))
    return model


def two_inputs():
    a, b = keras.Input((6,), name="a"), keras.Input((4,), name="b")
    x = layers.Concatenate()([layers.Dense(5, activation="relu")(a), layers.Dense(5, activation="tanh")(b)])
    return keras.Model({"a": a, "b": b}, layers.Dense(CLASSES)(layers.Dense(6, activation="relu")(x)))


def texts():
    """Words of one letter are looked up inside the network, in a vocabulary that it was adapted to."""
    words = layers.TextVectorization(output_sequence_length=4)
    words.adapt(np.array(["a b c d", "e f g h"]))
    return sequence(
        words, layers.Embedding(10, 6), layers.Dense(7, activation="relu"), layers.GlobalAveragePooling1D(),
        dtype="string", shape=(),
    )  # fmt: skip


def sequence(*body, dtype="float32", shape=(8, 5)):
    return keras.Sequential([keras.Input(shape, dtype=dtype), *body, layers.Dense(CLASSES)])


TEXT = dict(vocabulary_size=30, num_layers=2, hidden_dim=8, intermediate_dim=12, max_sequence_length=32)
HEADS = dict(num_heads=2)
# Family -> how to build one of it
OWN = {
    "dense layers": lambda: sequence(layers.Dense(8, activation="relu"), layers.Dense(6, activation="selu"), shape=(6,)),
    "convolutions of one dimension": lambda: sequence(
        layers.Conv1D(6, 3, activation="relu"), layers.Conv1D(4, 3), layers.PReLU(), layers.GlobalMaxPooling1D()
    ),
    "convolutions of three dimensions": lambda: sequence(
        layers.Conv3D(4, 2, activation="relu"), layers.Flatten(), shape=(4, 4, 4, 2)
    ),
    "LSTM": lambda: sequence(layers.LSTM(6)),
    "bidirectional GRU": lambda: sequence(layers.Bidirectional(layers.GRU(4))),
    "embedded text with a mask": lambda: sequence(
        layers.Embedding(20, 6, mask_zero=True), layers.Dense(7, activation="gelu"), layers.GlobalAveragePooling1D(),
        dtype="int32", shape=(8,),
    ),
    "texts, looked up in the network": texts,
    "several inputs": two_inputs,
    "MLP-Mixer with sublayers made in build": lambda: sequence(Mixer(), Mixer(), layers.GlobalAveragePooling1D()),
    "SwiGLU": lambda: sequence(SwiGLU(6), layers.GlobalAveragePooling1D()),
    "tied weights, no configuration": tied,
}  # fmt: skip
HUB = {
    "ViT": hub("ViT", image_shape=(16, 16, 3), patch_size=8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=12),
    "DeiT": hub("DeiT", image_shape=(16, 16, 3), patch_size=8, num_layers=2, num_heads=2, hidden_dim=8,
                intermediate_dim=12),
    "Swin": hub("SwinTransformer", image_shape=(32, 32, 3), embed_dim=8, depths=[1, 1], num_heads=[1, 2],
                window_size=4, patch_size=4),
    "MiT": hub("MiT", image_shape=(32, 32, 3), layerwise_depths=[1, 1], num_layers=2, layerwise_num_heads=[1, 2],
               layerwise_sr_ratios=[2, 1], max_drop_path_rate=0.1, layerwise_patch_sizes=[7, 3],
               layerwise_strides=[4, 2], hidden_dims=[4, 8]),
    "ResNet": hub("ResNet", image_shape=(32, 32, 3), input_conv_filters=[64], input_conv_kernel_sizes=[3],
                  stackwise_num_filters=[64, 8], stackwise_num_blocks=[1, 1], stackwise_num_strides=[1, 2],
                  block_type="basic_block"),
    "VGG": hub("VGG", image_shape=(32, 32, 3), stackwise_num_repeats=[1, 1], stackwise_num_filters=[4, 6]),
    "DenseNet": hub("DenseNet", image_shape=(32, 32, 3), stackwise_num_repeats=[2, 2], compression_ratio=0.5,
                    growth_rate=4),
    "Xception": hub("Xception", image_shape=(32, 32, 3), stackwise_conv_filters=[[4, 4], [6, 6]],
                    stackwise_pooling=[True, False]),
    "CSPNet": hub("CSPNet", image_shape=(32, 32, 3), stem_filters=4, stem_kernel_size=3, stem_strides=1,
                  stackwise_depth=[1, 2], stackwise_strides=[1, 2], stackwise_num_filters=[8, 12],
                  block_type="dark_block", stage_type="dark"),
    "HGNetV2": hub("HGNetV2", head={"preprocessor": None}, image_shape=(32, 32, 3), depths=[1, 1], embedding_size=8,
                   hidden_sizes=[8, 12], stem_channels=[3, 4, 8], hidden_act="relu", use_learnable_affine_block=False,
                   stackwise_stage_filters=[(8, 4, 8, 1, 1, 3), (8, 6, 12, 1, 1, 3)], apply_downsample=[False, True],
                   use_lightweight_conv_block=[False, False]),
    "EfficientNet": hub("EfficientNet", input_shape=(32, 32, 3), stackwise_width_coefficients=[1.0, 1.0],
                        stackwise_depth_coefficients=[1.0, 1.0], stackwise_kernel_sizes=[3, 3],
                        stackwise_num_repeats=[1, 2], stackwise_input_filters=[8, 8],
                        stackwise_output_filters=[8, 12], stackwise_expansion_ratios=[1, 2],
                        stackwise_squeeze_and_excite_ratios=[0.0, 0.25], stackwise_strides=[1, 2],
                        stackwise_block_types=["fused", "unfused"], num_features=16),
    "MobileNet": hub("MobileNet", image_shape=(32, 32, 3), stackwise_expansion=[[8, 12], [16]],
                     stackwise_num_blocks=[2, 1], stackwise_num_filters=[[6, 6], [8]],
                     stackwise_kernel_size=[[3, 3], [5]], stackwise_num_strides=[[2, 1], [1]],
                     stackwise_se_ratio=[[None, None], [0.25]], stackwise_padding=[[1, 1], [2]],
                     stackwise_activation=[["relu", "relu"], ["hard_swish"]], output_num_filters=16,
                     depthwise_filters=8, depthwise_stride=2, depthwise_residual=False, last_layer_filter=16,
                     squeeze_and_excite=0.5, input_activation="hard_swish", output_activation="hard_swish",
                     input_num_filters=8),
    "MobileNetV5": hub("MobileNetV5", image_shape=(32, 32, 3), stackwise_block_types=[["er"], ["uir"]],
                       stackwise_num_blocks=[1, 1], stackwise_num_filters=[[8], [12]], stackwise_strides=[[2], [2]],
                       stackwise_act_layers=[["relu"], ["relu"]], stackwise_exp_ratios=[[2.0], [2.0]],
                       stackwise_se_ratios=[[0.0], [0.0]], stackwise_dw_kernel_sizes=[[0], [5]],
                       stackwise_dw_start_kernel_sizes=[[0], [0]], stackwise_dw_end_kernel_sizes=[[0], [0]],
                       stackwise_exp_kernel_sizes=[[3], [0]], stackwise_pw_kernel_sizes=[[1], [0]],
                       stackwise_num_heads=[[0], [0]], stackwise_key_dims=[[0], [0]],
                       stackwise_value_dims=[[0], [0]], stackwise_kv_strides=[[0], [0]],
                       stackwise_use_cpe=[[False], [False]], use_msfa=False),
    "BERT": hub("Bert", **TEXT, **HEADS),
    "DistilBERT": hub("DistilBert", **TEXT, **HEADS),
    "RoBERTa": hub("Roberta", **TEXT, **HEADS),
    "XLM-RoBERTa": hub("XLMRoberta", **TEXT, **HEADS),
    "ALBERT": hub("Albert", **TEXT, **HEADS, embedding_dim=6),
    "DeBERTa": hub("DebertaV3", **TEXT, **HEADS),
    "FNet": hub("FNet", **TEXT),
    "RoFormer V2": hub("RoformerV2", vocabulary_size=30, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=12,
                       head_size=4),
}  # fmt: skip
# The smallest of every family
APPLICATIONS = {
    "ConvNeXt": applications("ConvNeXtTiny"),
    "DenseNet": applications("DenseNet121"),
    "EfficientNet": applications("EfficientNetB0"),
    "EfficientNetV2": applications("EfficientNetV2B0"),
    "Inception": applications("InceptionV3", 75),
    "Inception-ResNet": applications("InceptionResNetV2", 75),
    "MobileNet": applications("MobileNet"),
    "MobileNetV2": applications("MobileNetV2"),
    "MobileNetV3": applications("MobileNetV3Small"),
    "NASNet": applications("NASNetMobile"),
    "ResNet": applications("ResNet50"),
    "ResNetV2": applications("ResNet50V2"),
    "VGG": applications("VGG16"),
    "Xception": applications("Xception", 71),
}
