"""A body model in SMPL's file layout, made from MakeHuman's CC0 data, and what every such model needs beside it."""
