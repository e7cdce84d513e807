"""Public configuration of MiniCPM-V 2.6: the fields of its ``config.json`` that a reader uses."""

SOURCE = "config.json of openbmb/MiniCPM-V-2_6 (huggingface.co), fields that a reader uses"
CONFIG = {
    "architectures": ["MiniCPMV"],
    "version": 2.6,
    "model_type": "minicpmv",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "max_position_embeddings": 32768,
    "vocab_size": 151666,
    "tie_word_embeddings": False,
    "sliding_window": 131072,
    "use_sliding_window": False,
    "hidden_act": "silu",
    "torch_dtype": "bfloat16",
    "image_size": 448,
    "patch_size": 14,
    "query_num": 64,
    "slice_mode": True,
    "slice_config": {"max_slice_nums": 9, "patch_size": 14, "model_type": "minicpmv"},
    "vision_config": {
        "model_type": "siglip",
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "image_size": 980,
        "patch_size": 14,
    },
}
