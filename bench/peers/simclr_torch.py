"""The SimCLR step with a ResNet-18 (stem for small images) in PyTorch, in the layout that is fastest on a CPU."""
import torch
import torch.nn.functional as F
from torch import nn

from harness import batch, config, decayed, serve


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x), inplace=True)


class Simclr(nn.Module):
    def __init__(self, width, hidden, output, temperature):
        super().__init__()
        self.temperature = temperature
        layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        inputs = width
        for stage in range(4):
            for i in range(2):
                outputs = width * 2**stage
                layers.append(Block(inputs, outputs, 2 if stage > 0 and i == 0 else 1))
                inputs = outputs
        self.encoder = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.projector = nn.Sequential(
            nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, output, bias=False), nn.BatchNorm1d(output))

    def forward(self, views):
        z = F.normalize(self.projector(self.encoder(views)))
        n = len(z)
        logits = (z @ z.T / self.temperature).masked_fill(torch.eye(n, dtype=torch.bool), -1e9)
        return F.cross_entropy(logits, torch.arange(n).roll(n // 2))


projector = config["projector"]
model = Simclr(64, projector["hidden"], projector["output"], config["temperature"]).to(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(decayed(model, 1e-4), lr=1e-3, momentum=0.9, nesterov=True, fused=True)
size = config["imageSize"]
views = batch(2 * config["batch"], size, size, 3)
images = batch(config["batch"], size, size, 3)
# Channels come last in memory, so this moves nothing.
serve(model, optimizer, lambda: model(views().permute(0, 3, 1, 2)), lambda: model.encoder(images().permute(0, 3, 1, 2)))
