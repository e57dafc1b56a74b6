"""Bounds for the client of Xet storage, which takes what the node has where nobody says how much."""

XET_BOUNDS = {
    "HF_XET_CHUNK_CACHE_SIZE_BYTES": "0",
    "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_LIMIT": "2gb",
    "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_PERFILE_SIZE": "128mb",
    "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_SIZE": "1gb",
}
"""Environment variables of hf_xet: no second copy of the weights on the node's disk, and buffers that fit into the
memory that the Job asks for. Its own are a sixteenth of the node's memory and a sixty-fourth more for each file, as no
limit of the container says less (hf_xet 1.8): 32 GB on a node with 2 TB."""
