"""The MAE step in PyTorch, as one would write it for speed: fused attention, fused AdamW."""
import torch
from torch import nn

from harness import adamw, batch, config, serve
from vit import Block


class Mae(nn.Module):
    def __init__(self, image_size, backbone, decoder, mask_ratio=0.75):
        super().__init__()
        self.patch = backbone["patchSize"]
        self.patches = (image_size // self.patch) ** 2
        self.visible = int(self.patches * (1 - mask_ratio))
        values, width, narrow = 3 * self.patch**2, backbone["width"], decoder["width"]
        self.patch_embedding = nn.Linear(values, width)
        # Fixed positions, as in MAE; their values do not matter to the time.
        self.register_buffer("encoder_positions", torch.randn(self.patches, width))
        self.encoder = nn.Sequential(*[Block(width, backbone["heads"]) for _ in range(backbone["depth"])])
        self.encoder_norm = nn.LayerNorm(width, eps=1e-6)
        self.to_decoder = nn.Linear(width, narrow)
        self.mask_token = nn.Parameter(torch.randn(narrow) * 0.02)
        self.register_buffer("decoder_positions", torch.randn(self.patches, narrow))
        self.decoder = nn.Sequential(*[Block(narrow, decoder["heads"]) for _ in range(decoder["depth"])])
        self.decoder_norm = nn.LayerNorm(narrow, eps=1e-6)
        self.pixels = nn.Linear(narrow, values)

    def patchify(self, images):
        b, h, w, c = images.shape
        p = self.patch
        return images.view(b, h // p, p, w // p, p, c).transpose(2, 3).reshape(b, -1, p * p * c)

    def pick(self, x, indices):
        return x.gather(1, indices[:, :, None].expand(-1, -1, x.shape[-1]))

    def forward(self, images):
        patches = self.patchify(images)
        b, n, _ = patches.shape
        shuffle = torch.rand(b, n).argsort(1)
        restore = shuffle.argsort(1)
        keep = shuffle[:, : self.visible]
        x = self.patch_embedding(self.pick(patches, keep)) + self.encoder_positions[keep]
        x = self.to_decoder(self.encoder_norm(self.encoder(x)))
        x = torch.cat([x, self.mask_token.expand(b, n - self.visible, -1)], 1)
        x = self.pick(x, restore) + self.decoder_positions
        x = self.pixels(self.decoder_norm(self.decoder(x)))
        mean, variance = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
        target = (patches - mean) / (variance + 1e-6).sqrt()
        mask = (restore >= self.visible).float()
        return (((x - target) ** 2).mean(-1) * mask).sum() / mask.sum()


    def embed(self, images):
        return self.encoder_norm(self.encoder(self.patch_embedding(self.patchify(images)) + self.encoder_positions)).mean(1)


model = Mae(config["imageSize"], config["backbone"], config["decoder"])
images = batch(config["batch"], config["imageSize"], config["imageSize"], 3)
serve(model, adamw(model), lambda: model(images()), lambda: model.embed(images()))
