"""SimCLR's views as torchvision draws them from PIL images, one after another on one thread.

Takes a config as JSON; answers each line with a number of passes by a JSON list of their CPU times in ms.
"""
import json
import sys
import time

import numpy as np
import torch
import torchvision
from PIL import Image, ImageFilter
from torchvision import transforms as T

torch.set_num_threads(1)
config = json.loads(sys.argv[1])
side = config["side"]
pixels = np.fromfile(config["file"], dtype=np.uint8).reshape(-1, side, side, 3)
images = [Image.fromarray(image) for image in pixels]


def blur(image):
    """As in MoCo and DINO: PIL's own, faster than torchvision's."""
    return image.filter(ImageFilter.GaussianBlur(torch.empty(1).uniform_(*config["blur"]["sigma"]).item()))


jitter = config["jitter"]
factors = [jitter[name] for name in ("brightness", "contrast", "saturation", "hue")]
views = T.Compose([
    T.RandomResizedCrop(side, scale=config["crop"], interpolation=T.InterpolationMode.BICUBIC),
    T.RandomHorizontalFlip(),
    T.RandomApply([T.ColorJitter(*factors)], jitter["probability"]),
    T.RandomGrayscale(config["grayscale"]),
    *([T.RandomApply([blur], config["blur"]["probability"])] if "blur" in config else []),
    T.ToTensor(),
    T.Normalize(config["mean"], config["std"]),
])


def one_pass():
    start = time.process_time()
    for first in range(0, len(images), config["batch"]):
        batch = images[first : first + config["batch"]]
        for _ in range(2):
            torch.stack([views(image) for image in batch])
    return (time.process_time() - start) * 1e3


one_pass()
print(json.dumps({"name": f"torchvision {torchvision.__version__.split('+')[0]}"}), flush=True)
for line in sys.stdin:
    print(json.dumps([one_pass() for _ in range(int(line))]), flush=True)
